"""Driving, medicine and surveillance."""

from __future__ import annotations

from course_utils.data import applied, classes
from course_utils.data.originals import Original
from course_utils.data.published.phrases import NO_CHECKSUM, SPLITS_ARE_OURS
from course_utils.data.rows import DomainRow

ROWS = (
    DomainRow(
        name="gtsrb",
        title="GTSRB: 51,839 German traffic signs",
        classes=classes.GTSRB,
        counts={"train": 39209, "test": 12630},
        channels=3,
        size=32,
        citation="Stallkamp, Schlipsing, Salmen, Igel. The German traffic sign recognition benchmark: A multi-class "
        "classification competition. IJCNN 2011",
        licence="none stated; cite the paper",
        card="The final training set; torchvision takes the smaller one of the competition (26,640 images). Whole "
        "images scaled to 32x32, not cut to the sign. Thirty training images in a row show one sign from a passing "
        "car: such a track never stands in two splits.",
        build=applied.gtsrb,
        originals=tuple(
            Original(
                name,
                (f"https://sid.erda.dk/public/archives/daaeac0d7ce1152aea9b61d9f1e19370/{name}",),
                md5=md5,
                unpack=True,
            )
            for name, md5 in {
                "GTSRB_Final_Training_Images.zip": "f33fd80ac59bff73c82d25ab499e03a3",
                "GTSRB_Final_Test_Images.zip": "c7e4e6327067d32654124b0fe9e82185",
                "GTSRB_Final_Test_GT.zip": "fe31e9c9270bbcd7b84b7f21a9d9d9e5",
            }.items()
        ),
    ),
    DomainRow(
        name="pathmnist",
        title="PathMNIST: 107,180 patches of colon tissue",
        classes=classes.PATHMNIST,
        counts={"train": 89996, "validation": 10004, "test": 7180},
        per_class={
            "train": (9366, 9509, 10360, 10401, 8006, 12182, 7886, 9401, 12885),
            "validation": (1041, 1057, 1152, 1156, 890, 1354, 877, 1045, 1432),
            "test": (1338, 847, 339, 634, 1035, 592, 741, 421, 1233),
        },
        channels=3,
        size=28,
        citation="Yang, Shi, Wei, Liu, Zhao, Ke, Pfister, Ni. MedMNIST v2. Scientific Data 10, 2023. The images: "
        "Kather et al. Predicting survival from colorectal cancer histology slides using deep learning. PLOS Medicine "
        "16(1), 2019",
        licence="CC BY 4.0",
        card="The test part comes from another hospital than train and validation: a shift inside one set. Patches of "
        "one slide may stand in train and in validation. Not for clinical use.",
        build=applied.pathmnist,
        originals=(
            Original(
                "pathmnist.npz",
                (
                    "https://zenodo.org/records/10519652/files/pathmnist.npz?download=1",
                    "https://zenodo.org/record/6496656/files/pathmnist.npz?download=1",
                ),
                md5="a8b06965200029087d5bd730944a56c1",
            ),
        ),
    ),
    DomainRow(
        name="pcam",
        title="PatchCamelyon: 327,680 patches of lymph nodes",
        classes=classes.PCAM,
        counts={"train": 262144, "validation": 32768, "test": 32768},
        per_class={"train": (131072,) * 2, "validation": (16384,) * 2, "test": (16384,) * 2},
        channels=3,
        size=96,
        citation="Veeling, Linmans, Winkens, Cohen, Welling. Rotation equivariant CNNs for digital pathology. MICCAI "
        "2018",
        licence="CC0 1.0",
        card="Published as HDF5, which needs h5py; the course does not install it, so this set is not fetched. Take "
        "the six .h5.gz files (8 GB) from Zenodo's record 2546921, gunzip them, install h5py, and import the folder. "
        f"{NO_CHECKSUM[:-1]} for the gunzipped files.",
        build=applied.pcam,
        originals=tuple(
            Original(f"camelyonpatch_level_2_split_{split}_{part}.h5")
            for split in ("train", "valid", "test")
            for part in ("x", "y")
        ),
    ),
    DomainRow(
        name="lfw",
        title="Labeled Faces in the Wild: 1,288 photographs of seven people",
        classes=classes.LFW,
        counts={"all": 1288},
        per_class={"all": (77, 236, 121, 530, 109, 71, 144)},
        channels=3,
        size=128,
        citation="Huang, Ramesh, Berg, Learned-Miller. Labeled faces in the wild: A database for studying face "
        "recognition in unconstrained environments. University of Massachusetts, Technical Report 07-49, 2007",
        licence="none stated; research use",
        card="Of 13,233 funneled photographs of 5,749 people those of the seven with 70 or more, as in scikit-learn's "
        f"example, at 128x128. {SPLITS_ARE_OURS} Press photographs, collected without asking anybody, and 41 % "
        "of them show one man: good for a lesson on what such a set cannot show, and for nothing about people.",
        build=applied.lfw,
        originals=(
            Original(
                "lfw-funneled.tgz",
                (
                    "https://ndownloader.figshare.com/files/5976015",
                    "http://vis-www.cs.umass.edu/lfw/lfw-funneled.tgz",
                ),
                sha256="b47c8422c8cded889dc5a13418c4bc2abbda121092b3533a83306f90d900100a",
                md5="1b42dfed7d15c9b2dd63d5e5840c86ad",
                unpack=True,
            ),
        ),
    ),
)
