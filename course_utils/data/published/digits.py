"""MNIST and its kin."""

from __future__ import annotations

from functools import partial

from course_utils.data import digits
from course_utils.data.embedded import DIGITS
from course_utils.data.originals import Original
from course_utils.data.published.phrases import NO_CHECKSUM, google_drive
from course_utils.data.rows import DomainRow

MNIST = (
    "LeCun, Bottou, Bengio, Haffner. Gradient-based learning applied to document recognition. "
    "Proceedings of the IEEE 86(11), 1998"
)
DANN = "Ganin et al. Domain-adversarial training of neural networks. Journal of Machine Learning Research 17, 2016"


def _mnist_file(name: str, size: int, md5: str, sha256: str) -> Original:
    mirrors = "https://ossci-datasets.s3.amazonaws.com/mnist", "https://storage.googleapis.com/cvdf-datasets/mnist"
    return Original(f"{name}.gz", tuple(f"{mirror}/{name}.gz" for mirror in mirrors), size, sha256, md5)


ROWS = (
    DomainRow(
        name="mnist",
        title="MNIST: 70,000 handwritten digits",
        classes=DIGITS,
        counts={"train": 60000, "test": 10000},
        per_class={
            "train": (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949),
            "test": (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009),
        },
        channels=1,
        size=28,
        citation=MNIST,
        licence="none stated; research use",
        card="The writers of train and test are different people; who wrote which digit is in no file. mnist-5k is a "
        "part of this set, so the two must not be mixed.",
        build=digits.mnist,
        originals=(
            _mnist_file(
                "train-images-idx3-ubyte",
                9912422,
                "f68b3c2dcbeaaa9fbdd348bbdeb94873",
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            ),
            _mnist_file(
                "train-labels-idx1-ubyte",
                28881,
                "d53e105ee54ea40749a09fcbcd1e9432",
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            ),
            _mnist_file(
                "t10k-images-idx3-ubyte",
                1648877,
                "9fb629c4189551a2d022fa330f9573f3",
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            ),
            _mnist_file(
                "t10k-labels-idx1-ubyte",
                4542,
                "ec29112dd5afa0611ce80d1b7f02629c",
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            ),
        ),
    ),
    DomainRow(
        name="usps",
        title="USPS: 9,298 digits from envelopes",
        classes=DIGITS,
        counts={"train": 7291, "test": 2007},
        per_class={
            "train": (1194, 1005, 731, 658, 652, 556, 664, 645, 542, 644),
            "test": (359, 264, 198, 166, 200, 160, 170, 147, 166, 177),
        },
        channels=1,
        size=16,
        citation="Hull. A database for handwritten text recognition research. IEEE Transactions on Pattern Analysis "
        "and Machine Intelligence 16(5), 1994",
        licence="none stated; research use",
        card="The libsvm edition: 16x16, smoothed, grey values -1..1 brought to 0..255 as torchvision does it. The "
        "zip.train edition of The Elements of Statistical Learning holds the same digits unsmoothed.",
        build=digits.usps,
        originals=(
            Original(
                "usps.bz2",
                ("https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass/usps.bz2",),
                md5="ec16c51db3855ca6c91edd34d0e9b197",
            ),
            Original(
                "usps.t.bz2",
                ("https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass/usps.t.bz2",),
                bytes=1831726,
                sha256="a9c0164e797d60142a50604917f0baa604f326e9a689698763793fa5d12ffc4e",
                md5="8ea070ee2aca1ac39742fdd1ef5ed118",
            ),
        ),
    ),
    DomainRow(
        name="svhn",
        title="SVHN: 99,289 digits of house numbers",
        classes=DIGITS,
        counts={"train": 73257, "test": 26032},
        per_class={
            "train": (4948, 13861, 10585, 8497, 7458, 6882, 5727, 5595, 5045, 4659),
            "test": (1744, 5099, 4149, 2882, 2523, 2384, 1977, 2019, 1660, 1595),
        },
        channels=3,
        size=32,
        citation="Netzer, Wang, Coates, Bissacco, Wu, Ng. Reading digits in natural images with unsupervised feature "
        "learning. NIPS Workshop on Deep Learning and Unsupervised Feature Learning, 2011",
        licence="non-commercial use only",
        card="The cropped digits, without the 531,131 easier ones of `extra`. Neighbouring digits show at the sides. "
        "Digits of one house number are separate images; which belong together is not recorded here.",
        build=digits.svhn,
        originals=(
            Original(
                "train_32x32.mat",
                ("http://ufldl.stanford.edu/housenumbers/train_32x32.mat",),
                bytes=182040794,
                sha256="435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8",
                md5="e26dedcc434d2e4c54c9b2d4a06d8373",
            ),
            Original(
                "test_32x32.mat",
                ("http://ufldl.stanford.edu/housenumbers/test_32x32.mat",),
                bytes=64275384,
                sha256="cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b",
                md5="eb5a983be6a315427106f1b164d9cef3",
            ),
        ),
    ),
    DomainRow(
        name="mnist-m",
        title="MNIST-M: 68,002 MNIST digits blended with photographs",
        classes=DIGITS,
        counts={"train": 59001, "test": 9001},
        channels=3,
        size=32,
        citation=f"{DANN}. The digits: {MNIST}",
        licence="none stated; research use",
        card="Digits of MNIST on patches of BSDS500. The published protocol has the same digits on both sides of "
        "mnist -> mnist-m, train with train and test with test, so the two do not count as shared originals here.",
        build=digits.mnist_m,
        originals=(
            Original(
                "mnist_m.tar.gz",
                (
                    *google_drive("0B_tExHiYS-0veklUZHFYT19KYjg"),
                    "https://cornell.box.com/shared/static/jado7quprg6hzzdubvwzh9umr75damwi",
                ),
                md5="859df31c91afe82e80e5012ba928f279",
                unpack=True,
            ),
        ),
    ),
    DomainRow(
        name="mnist-m-9k",
        title="MNIST-M's 9,001 test images alone",
        classes=DIGITS,
        counts={"train": 4001, "test": 5000},
        channels=3,
        size=32,
        citation=f"{DANN}. The digits: {MNIST}",
        licence="none stated; research use",
        card="The official test part in one npz, packed from the 9,001 PNG files of the public repository "
        "joffery/M-ADA; the checksum is of that npz. Its split is not official: 4,001 images to adapt on and 5,000 "
        "to score. The digits are MNIST's test digits 0..9000, so mnist -> mnist-m-9k leaves those out of MNIST. It "
        "is offered for no download: import it.",
        build=digits.mnist_m_9k,
        originals=(
            Original(
                "mnist_m_official_test.npz",
                bytes=21655216,
                sha256="752b57b1a3d44a76200a244faa65673e0c2ca277f5a5455af0fb2559d5eb7a38",
            ),
        ),
    ),
    DomainRow(
        name="syn-digits",
        title="SYN numbers: 488,953 rendered digits",
        classes=DIGITS,
        counts={"train": 479400, "test": 9553},
        channels=3,
        size=32,
        citation="Ganin, Lempitsky. Unsupervised domain adaptation by backpropagation. ICML 2015",
        licence="none stated; research use",
        card=f"Digits drawn with Windows fonts, varied in position, orientation, colour and blur; made to resemble "
        f"SVHN. {NO_CHECKSUM}",
        build=digits.syn_digits,
        originals=(Original("SynthDigits.zip", google_drive("0B9Z4d7lAwbnTSVR1dEFSRUFxOUU"), unpack=True),),
    ),
    *(
        DomainRow(
            name=f"mnist-c/{corruption}",
            title=f"MNIST-C: 70,000 MNIST digits under {corruption.replace('_', ' ')}",
            classes=DIGITS,
            counts={"train": 60000, "test": 10000},
            channels=1,
            size=28,
            citation="Mu, Gilmer. MNIST-C: A robustness benchmark for computer vision. ICML Workshop on Uncertainty "
            f"and Robustness in Deep Learning, 2019. The digits: {MNIST}",
            licence="CC BY 4.0",
            card="Every digit of MNIST under one corruption, train and test. The published protocol has the same "
            "digits on both sides of mnist -> mnist-c, so the two do not count as shared originals here.",
            build=partial(digits.mnist_c, corruption=corruption),
            originals=(
                Original(
                    "mnist_c.zip",
                    ("https://zenodo.org/record/3239543/files/mnist_c.zip",),
                    bytes=246661575,
                    sha256="af9ee8c6a815870c7fdde5af84c7bf8db0bcfa1f41056db83871037fba70e493",
                    md5="4b34b33045869ee6d424616cd3a65da3",
                    unpack=True,
                ),
            ),
        )
        for corruption in digits.CORRUPTIONS
    ),
)
