"""Photographs, drawings and renderings of things."""

from __future__ import annotations

from functools import partial

from course_utils.data import classes, pets, photos
from course_utils.data.originals import Original
from course_utils.data.published.phrases import NO_CHECKSUM, PAPERS_USE_ALL, SPLITS_ARE_OURS, google_drive
from course_utils.data.rows import DomainRow

PETS_PAPER = "Parkhi, Vedaldi, Zisserman, Jawahar. Cats and dogs. CVPR 2012"
PETS_FILES = (
    Original(
        "images.tar.gz",
        (
            "https://www.robots.ox.ac.uk/~vgg/data/pets/data/images.tar.gz",
            "https://thor.robots.ox.ac.uk/~vgg/data/pets/images.tar.gz",
        ),
        bytes=791918971,
        sha256="67195c5e1c01f1ab5f9b6a5d22b8c27a580d896ece458917e61d459337fa318d",
        md5="5c4f3ee8e5d25df40f4fd59a7f44e54c",
        unpack=True,
    ),
    Original(
        "annotations.tar.gz",
        (
            "https://www.robots.ox.ac.uk/~vgg/data/pets/data/annotations.tar.gz",
            "https://thor.robots.ox.ac.uk/~vgg/data/pets/annotations.tar.gz",
        ),
        bytes=19173078,
        sha256="52425fb6de5c424942b7626b428656fcbd798db970a937df61750c0f1d358e91",
        md5="95a8c909bbe2e81eed6a22bccdf3f68f",
        unpack=True,
    ),
)

ROWS = (
    DomainRow(
        name="cifar-10",
        title="CIFAR-10: 60,000 small photographs",
        classes=classes.CIFAR_10,
        counts={"train": 50000, "test": 10000},
        per_class={"train": (5000,) * 10, "test": (1000,) * 10},
        channels=3,
        size=32,
        citation="Krizhevsky. Learning multiple layers of features from tiny images. Technical report, University of "
        "Toronto, 2009",
        licence="none stated; cite the report",
        card="The binary version: the Python version is a pickle, which could run code. `automobile` is called `car` "
        "here, as in STL-10. Some test images have near-duplicates in train.",
        build=photos.cifar_10,
        originals=(
            Original(
                "cifar-10-binary.tar.gz",
                ("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",),
                bytes=170052171,
                sha256="c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
                md5="c32a1d4ab5d03f1284b67883e8d87530",
                unpack=True,
            ),
        ),
    ),
    DomainRow(
        name="stl-10",
        title="STL-10: 13,000 photographs from ImageNet",
        classes=classes.STL_10,
        counts={"train": 5000, "test": 8000},
        per_class={"train": (500,) * 10, "test": (800,) * 10},
        channels=3,
        size=96,
        citation="Coates, Lee, Ng. An analysis of single-layer networks in unsupervised feature learning. AISTATS 2011",
        licence="none stated; cite the paper. The photographs are ImageNet's",
        card="Without the 100,000 unlabelled images, which come in the same archive. A network trained on ImageNet "
        "has seen photographs of this kind, perhaps these.",
        build=photos.stl_10,
        originals=(
            Original(
                "stl10_binary.tar.gz",
                (
                    "http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz",
                    "https://cs.stanford.edu/~acoates/stl10/stl10_binary.tar.gz",
                ),
                bytes=2640397119,
                sha256="f31fd99273a1acb8609c8db427cebb1de3f71de77758cdc0e22956e1289b9866",
                md5="91f7769df0f17e558f3565bffb0c7dfb",
                unpack=True,
            ),
        ),
    ),
    *(
        DomainRow(
            name=f"pacs/{domain}",
            title=f"PACS: {sum(per_class):,} images of the domain {domain}",
            classes=classes.PACS,
            counts={"all": sum(per_class)},
            per_class={"all": per_class},
            channels=3,
            size=128,
            citation="Li, Yang, Song, Hospedales. Deeper, broader and artier domain generalization. ICCV 2017",
            licence="none stated; research use",
            card="Published with 227x227 pixels and kept with 128x128, so accuracies are not the published ones. "
            f"{SPLITS_ARE_OURS} The publisher gives no checksum; the one here is of the archive that Dassl links, as "
            "others recorded it. Other editions (DomainBed's, one of 128 px) can be imported unverified.",
            build=partial(photos.pacs, domain=domain),
            originals=(
                Original(
                    "pacs.zip",
                    google_drive("1m4X4fROCCXMO0lRLrr6Zz9Vb3974NWhE"),
                    sha256="0dc9d0176fa27c9b4504e7c2e962aebe6a79ed0c1819b84148786e590f87e102",
                    unpack=True,
                ),
            ),
        )
        for domain, per_class in {
            "photo": (189, 202, 182, 186, 199, 280, 432),
            "art_painting": (379, 255, 285, 184, 201, 295, 449),
            "cartoon": (389, 457, 346, 135, 324, 288, 405),
            "sketch": (772, 740, 753, 608, 816, 80, 160),
        }.items()
    ),
    *(
        DomainRow(
            name=f"office-31/{domain}",
            title=f"Office-31: {n:,} {what}",
            classes=classes.OFFICE_31,
            counts={"all": n},
            channels=3,
            size=128,
            citation="Saenko, Kulis, Fritz, Darrell. Adapting visual category models to new domains. ECCV 2010",
            licence="none stated; research use",
            card=f"Kept with 128x128 pixels. {SPLITS_ARE_OURS} {PAPERS_USE_ALL} In dslr and webcam a few photographs "
            "show the same object, and which is not recorded, so an object may stand in two splits.",
            build=partial(photos.office_31, domain=domain),
            originals=(
                Original(
                    "domain_adaptation_images.tar.gz",
                    google_drive("0B4IapRTv9pJ1WGZVd1VDMmhwdlE"),
                    md5="1b536d114869a5a8aa4580b89e9758fb",
                    unpack=True,
                ),
            ),
        )
        for domain, n, what in (
            ("amazon", 2817, "product pictures of a shop"),
            ("dslr", 498, "photographs of a reflex camera"),
            ("webcam", 795, "pictures of a web camera"),
        )
    ),
    *(
        DomainRow(
            name=f"office-home/{domain}",
            title=f"Office-Home: {n:,} images of the domain {photos.OFFICE_HOME_DOMAINS[domain]}",
            classes=classes.OFFICE_HOME,
            counts={"all": n},
            channels=3,
            size=128,
            citation="Venkateswara, Eusebio, Chakraborty, Panchanathan. Deep hashing network for unsupervised domain "
            "adaptation. CVPR 2017",
            licence="none stated; research use",
            card=f"Kept with 128x128 pixels. {SPLITS_ARE_OURS} {PAPERS_USE_ALL}",
            build=partial(photos.office_home, domain=domain),
            originals=(
                Original(
                    "OfficeHomeDataset_10072016.zip",
                    (*google_drive("0B81rNlvomiwed0V1YUxQdC1uOTg"), *google_drive("1uY0pj7oFsjMxRwaD3Sxy0jgel0fsYXLC")),
                    md5="b1c14819770c4448fd5b6d931031c91c",
                    unpack=True,
                ),
            ),
        )
        for domain, n in {"art": 2427, "clipart": 4365, "product": 4439, "real-world": 4357}.items()
    ),
    *(
        DomainRow(
            name=f"visda/{domain}",
            title=f"VisDA-2017: {n:,} {what}",
            classes=classes.VISDA,
            counts={"all": n},
            channels=3,
            size=224,
            citation="Peng, Usman, Kaushik, Hoffman, Wang, Saenko. VisDA: The visual domain adaptation challenge. "
            "arXiv:1710.06924, 2017",
            licence="non-commercial research and education",
            card=f"Decoded from the files whenever it is read. {SPLITS_ARE_OURS} {PAPERS_USE_ALL} Renderings of one "
            f"model, and objects cut from one photograph, may stand in two splits. {NO_CHECKSUM} The sizes are those "
            "that the server announces.",
            build=partial(photos.visda, domain=domain),
            originals=(
                Original(f"{part}.tar", (f"http://csr.bu.edu/ftp/visda17/clf/{part}.tar",), bytes=size, unpack=True),
            ),
            lazy=True,
        )
        for domain, part, n, size, what in (
            ("synthetic", "train", 152397, 7698031104, "renderings of models in twelve classes"),
            ("real", "validation", 55388, 1023758336, "objects cut from COCO photographs"),
        )
    ),
    *(
        DomainRow(
            name=f"domainnet/{domain}",
            title=f"DomainNet: {train + test:,} images of the domain {domain}",
            classes=classes.DOMAINNET,
            counts={"train": train, "test": test},
            channels=3,
            size=224,
            citation="Peng, Bai, Xia, Huang, Saenko, Wang. Moment matching for multi-source domain adaptation. "
            "ICCV 2019",
            licence="no licence, a fair-use notice: non-commercial research and education",
            card="The cleaned version, in the two parts that its lists name. Decoded from the files whenever it is "
            "read. No training image of `t-shirt` is listed for painting.",
            build=partial(photos.domainnet, domain=domain),
            originals=(
                Original(
                    f"{domain}.zip",
                    (f"http://csr.bu.edu/ftp/visda/2019/multi-source/{place}{domain}.zip",),
                    bytes=size,
                    sha256=sha256,
                    unpack=True,
                ),
                *(
                    Original(
                        f"{domain}_{split}.txt",
                        (f"http://csr.bu.edu/ftp/visda/2019/multi-source/domainnet/txt/{domain}_{split}.txt",),
                        bytes=list_size,
                        sha256=list_sha256,
                    )
                    for split, list_size, list_sha256 in lists
                ),
            ),
            lazy=True,
        )
        for domain, place, train, test, size, sha256, *lists in (
            (
                *("clipart", "groundtruth/", 33525, 14604, 1270909081),
                "f8f248a3e8bbc9868c523ae24e6601b4c2ad102afc60c0efeb4f3255df22354d",
                ("train", 1443819, "affdadf5f95a7583e6b98030a3d35007e2613ee4dd942393c5a705ec2b429312"),
                ("test", 628917, "62c8e36aaba1c41ad9e249099739707220a44c08f167b37ef420f34a31628a6b"),
            ),
            (
                *("infograph", "", 36023, 15582, 4338659804),
                "891e14f476317e97b6f06d6498c11d0a5b8d0c8b57210765ed9beb072da611fa",
                ("train", 1683098, "36b44cbd41a2915e0dc73b4f4be8862a6f3c220f93c8d63fb2439beeae3aefda"),
                ("test", 728028, "413cfa54ac92e7e6b242f4f09fbd9c8ace85c4deaf3cb6c81ff6b68264460136"),
            ),
            (
                *("painting", "groundtruth/", 50416, 21850, 3679366174),
                "fa47e6d405503ea0286cabd767f176bd30e988b63ddd7b9db16cf030c9770015",
                ("train", 2241901, "f1da38d50a702fddf1329f85bc607d7a2abcae7e6aec75e1fd49cc1bd340d47b"),
                ("test", 971888, "11472b13b5188e09f06918b12eebb660588c97a20e43e268d9b02e3e37eb8f97"),
            ),
            (
                *("quickdraw", "", 120750, 51750, 459920701),
                "9f37df2a8c3733703dbb35ad9964202a65f675ca30137756457537536b485d84",
                ("train", 5164600, "3a5edd3bc215772010eebc87f158707703dd7e48091d13b816af81326a9d1c0f"),
                ("test", 2213400, "2a00a60650a453c65c356da748fec54084a197272137c440e7d52d08947357bf"),
            ),
            (
                *("real", "", 120906, 52041, 6062039589),
                "d7fe010b430c5b510f85d657d38c4a1924822695fabea4fef57bd00dba251d63",
                ("train", 4440944, "19d483256d24aef19e581b65eda8333fd918aef3eb733fe499ff384120e3a289"),
                ("test", 1911327, "2b3f75bcde309aeb5931292084b2162e936b5f189e3bb1ad716f0f74c460864c"),
            ),
            (
                *("sketch", "", 48212, 20916, 2633992926),
                "23a7dbae7016b343e934399beaa8a68728fb5e570ebe2c71df9b75cf91c499fc",
                ("train", 1960222, "72f4bc6afa5702a1ccba800d0053c1427de87439dfaf246dbc9a2e71abfec54f"),
                ("test", 850581, "3fb48fca18c507c4321f007c3f62b308ec232ff6928cbfe2af64e76ec366e840"),
            ),
        )
    ),
    DomainRow(
        name="oxford-pets",
        title="Oxford-IIIT Pet: 7,349 cats and dogs of 37 breeds",
        classes=classes.PETS,
        counts={"train": 3680, "test": 3669},
        channels=3,
        size=128,
        citation=PETS_PAPER,
        licence="CC BY-SA 4.0",
        card="Kept with 128x128 pixels: the short side is scaled and the middle cut out. `train` is the publisher's "
        "trainval. Outlines and heads are those of `oxford-pets/cats-and-dogs`.",
        build=photos.pets,
        originals=PETS_FILES,
    ),
    DomainRow(
        name="oxford-pets/cats-and-dogs",
        title="Oxford-IIIT Pet: 3,680 cats and dogs with head boxes and outlines",
        classes=pets.SPECIES,
        counts={"all": 3680},
        channels=3,
        size=pets.SIZE,
        citation=PETS_PAPER,
        licence="CC BY-SA 4.0",
        card="The publisher's trainval alone: heads of the test images are not published. Two species and not 37 "
        "breeds: a breed has about a hundred images, too few to learn a detector from, and telling breeds is the "
        "question of `oxford-pets`. Every image is squeezed to 128x128 pixels, whatever its shape, with its boxes"
        " and its mask; a square cut out of the middle would cut heads off. A head that nobody boxed has no box "
        "here either, so finding it counts as wrong. In the masks the border, which the publisher leaves open, is"
        f" background: a thin part may be gone. {SPLITS_ARE_OURS}",
        build=pets.cats_and_dogs,
        originals=PETS_FILES,
    ),
)
