"""Command-line entry points over course_utils.data.store: `python -m data_scripts --help`."""
