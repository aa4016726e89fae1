"""The classes of every published set, in the order of their labels and under the publisher's names."""


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# CIFAR-10 says automobile and STL-10 car: with one name for both, the nine shared classes are found.
CIFAR_10 = _names("airplane car bird cat deer dog frog horse ship truck")
STL_10 = _names("airplane bird car cat deer dog horse monkey ship truck")
CIFAR_STL = tuple(name for name in CIFAR_10 if name in STL_10)

PACS = _names("dog elephant giraffe guitar horse house person")

OFFICE_31 = _names("""
    back_pack bike bike_helmet bookcase bottle calculator desk_chair desk_lamp desktop_computer file_cabinet
    headphones keyboard laptop_computer letter_tray mobile_phone monitor mouse mug paper_notebook pen phone printer
    projector punchers ring_binder ruler scissors speaker stapler tape_dispenser trash_can
""")

OFFICE_HOME = _names("""
    Alarm_Clock Backpack Batteries Bed Bike Bottle Bucket Calculator Calendar Candles Chair Clipboards Computer
    Couch Curtains Desk_Lamp Drill Eraser Exit_Sign Fan File_Cabinet Flipflops Flowers Folder Fork Glasses Hammer
    Helmet Kettle Keyboard Knives Lamp_Shade Laptop Marker Monitor Mop Mouse Mug Notebook Oven Pan Paper_Clip Pen
    Pencil Postit_Notes Printer Push_Pin Radio Refrigerator Ruler Scissors Screwdriver Shelf Sink Sneakers Soda
    Speaker Spoon TV Table Telephone ToothBrush Toys Trash_Can Webcam
""")

VISDA = _names("aeroplane bicycle bus car horse knife motorcycle person plant skateboard train truck")

PETS = _names("""
    Abyssinian american_bulldog american_pit_bull_terrier basset_hound beagle Bengal Birman Bombay boxer
    British_Shorthair chihuahua Egyptian_Mau english_cocker_spaniel english_setter german_shorthaired great_pyrenees
    havanese japanese_chin keeshond leonberger Maine_Coon miniature_pinscher newfoundland Persian pomeranian pug
    Ragdoll Russian_Blue saint_bernard samoyed scottish_terrier shiba_inu Siamese Sphynx staffordshire_bull_terrier
    wheaten_terrier yorkshire_terrier
""")

DOMAINNET = _names("""
    aircraft_carrier airplane alarm_clock ambulance angel animal_migration ant anvil apple arm asparagus axe
    backpack banana bandage barn baseball baseball_bat basket basketball bat bathtub beach bear beard bed bee belt
    bench bicycle binoculars bird birthday_cake blackberry blueberry book boomerang bottlecap bowtie bracelet brain
    bread bridge broccoli broom bucket bulldozer bus bush butterfly cactus cake calculator calendar camel camera
    camouflage campfire candle cannon canoe car carrot castle cat ceiling_fan cello cell_phone chair chandelier
    church circle clarinet clock cloud coffee_cup compass computer cookie cooler couch cow crab crayon crocodile
    crown cruise_ship cup diamond dishwasher diving_board dog dolphin donut door dragon dresser drill drums duck
    dumbbell ear elbow elephant envelope eraser eye eyeglasses face fan feather fence finger fire_hydrant fireplace
    firetruck fish flamingo flashlight flip_flops floor_lamp flower flying_saucer foot fork frog frying_pan garden
    garden_hose giraffe goatee golf_club grapes grass guitar hamburger hammer hand harp hat headphones hedgehog
    helicopter helmet hexagon hockey_puck hockey_stick horse hospital hot_air_balloon hot_dog hot_tub hourglass
    house house_plant hurricane ice_cream jacket jail kangaroo key keyboard knee knife ladder lantern laptop leaf
    leg light_bulb lighter lighthouse lightning line lion lipstick lobster lollipop mailbox map marker matches
    megaphone mermaid microphone microwave monkey moon mosquito motorbike mountain mouse moustache mouth mug
    mushroom nail necklace nose ocean octagon octopus onion oven owl paintbrush paint_can palm_tree panda pants
    paper_clip parachute parrot passport peanut pear peas pencil penguin piano pickup_truck picture_frame pig pillow
    pineapple pizza pliers police_car pond pool popsicle postcard potato power_outlet purse rabbit raccoon radio
    rain rainbow rake remote_control rhinoceros rifle river roller_coaster rollerskates sailboat sandwich saw
    saxophone school_bus scissors scorpion screwdriver sea_turtle see_saw shark sheep shoe shorts shovel sink
    skateboard skull skyscraper sleeping_bag smiley_face snail snake snorkel snowflake snowman soccer_ball sock
    speedboat spider spoon spreadsheet square squiggle squirrel stairs star steak stereo stethoscope stitches
    stop_sign stove strawberry streetlight string_bean submarine suitcase sun swan sweater swing_set sword syringe
    table teapot teddy-bear telephone television tennis_racquet tent The_Eiffel_Tower The_Great_Wall_of_China
    The_Mona_Lisa tiger toaster toe toilet tooth toothbrush toothpaste tornado tractor traffic_light train tree
    triangle trombone truck trumpet t-shirt umbrella underwear van vase violin washing_machine watermelon waterslide
    whale wheel windmill wine_bottle wine_glass wristwatch yoga zebra zigzag
""")

# Published as numbers; the names are those of the sign catalogue that the benchmark follows.
GTSRB = (
    *(f"speed limit {kmh} km/h" for kmh in (20, 30, 50, 60, 70, 80)),
    "end of speed limit 80 km/h",
    "speed limit 100 km/h",
    "speed limit 120 km/h",
    "no passing",
    "no passing for vehicles over 3.5 t",
    "right of way at the next intersection",
    "priority road",
    "yield",
    "stop",
    "no vehicles",
    "no vehicles over 3.5 t",
    "no entry",
    "general caution",
    "dangerous curve to the left",
    "dangerous curve to the right",
    "double curve",
    "bumpy road",
    "slippery road",
    "road narrows on the right",
    "road work",
    "traffic signals",
    "pedestrians",
    "children crossing",
    "bicycles crossing",
    "ice or snow",
    "wild animals crossing",
    "end of all limits",
    "turn right ahead",
    "turn left ahead",
    "ahead only",
    "straight or right",
    "straight or left",
    "keep right",
    "keep left",
    "roundabout",
    "end of no passing",
    "end of no passing for vehicles over 3.5 t",
)

PATHMNIST = (
    "adipose",
    "background",
    "debris",
    "lymphocytes",
    "mucus",
    "smooth muscle",
    "normal colon mucosa",
    "cancer-associated stroma",
    "colorectal adenocarcinoma epithelium",
)

PCAM = ("no tumour", "tumour")

# The people with 70 photographs or more.
LFW = _names("Ariel_Sharon Colin_Powell Donald_Rumsfeld George_W_Bush Gerhard_Schroeder Hugo_Chavez Tony_Blair")
