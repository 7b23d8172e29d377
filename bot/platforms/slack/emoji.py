"""Slack's names for the emoji that people react with most, and the characters themselves.

The names are Slack's own. One that is not here is handed on by its name, as bot.core.events allows, so the table needs
no more than what people use; a library with all of them would cost megabytes of memory.
"""

from __future__ import annotations

_TABLE = """
+1=👍 -1=👎 100=💯 1234=🔢 abacus=🧮 airplane=✈️ alarm_clock=⏰ alien=👽 angry=😠 apple=🍎 arrow_right=➡️
arrow_up=⬆️ arrow_down=⬇️ arrow_left=⬅️ art=🎨 astonished=😲 baby=👶 balloon=🎈 banana=🍌 bangbang=‼️
bar_chart=📊 battery=🔋 beach_with_umbrella=🏖️ bee=🐝 beer=🍺 beers=🍻 bell=🔔 bicyclist=🚴 bike=🚲
birthday=🎂 black_heart=🖤 blue_heart=💙 blush=😊 book=📖 bookmark=🔖 books=📚 boom=💥 bouquet=💐 bow=🙇
bowing_man=🙇‍♂️ bowing_woman=🙇‍♀️ brain=🧠 bread=🍞 bug=🐛 bulb=💡 burrito=🌯 bus=🚌 cactus=🌵 cake=🍰
calendar=📆 call_me_hand=🤙 camera=📷 car=🚗 cat=🐱 champagne=🍾 chart_with_upwards_trend=📈 cheese_wedge=🧀
cherry_blossom=🌸 chocolate_bar=🍫 christmas_tree=🎄 clap=👏 clapper=🎬 clinking_glasses=🥂 clipboard=📋
clock3=🕒 cloud=☁️ coffee=☕ cold_sweat=😰 computer=💻 confetti_ball=🎊 confused=😕 construction=🚧
cookie=🍪 cool=🆒 crossed_fingers=🤞 croissant=🥐 crown=👑 cry=😢 crystal_ball=🔮 cupid=💘 dancer=💃 dart=🎯
date=📅 desktop_computer=🖥️ disappointed=😞 dizzy=💫 dog=🐶 dolphin=🐬 doughnut=🍩 earth_africa=🌍
earth_americas=🌎 earth_asia=🌏 email=📧 exclamation=❗ exploding_head=🤯 eyes=👀 face_palm=🤦 facepalm=🤦
face_with_cowboy_hat=🤠 face_with_monocle=🧐 face_with_rolling_eyes=🙄 fire=🔥 fireworks=🎆
first_place_medal=🥇 fist=✊ flag-ca=🇨🇦 flag-eu=🇪🇺 flag-fr=🇫🇷 flag-be=🇧🇪 flag-ch=🇨🇭 flushed=😳
four_leaf_clover=🍀 fox_face=🦊 fries=🍟 frog=🐸 game_die=🎲 gear=⚙️ gem=💎 ghost=👻 gift=🎁 gift_heart=💝
globe_with_meridians=🌐 green_apple=🍏 green_heart=💚 grimacing=😬 grin=😁 grinning=😀 guitar=🎸
hamburger=🍔 hammer=🔨 hammer_and_wrench=🛠️ handshake=🤝 hatching_chick=🐣 headphones=🎧 hear_no_evil=🙉
heart=❤️ heart_eyes=😍 hearts=♥️ heavy_check_mark=✔️ heavy_plus_sign=➕ herb=🌿 hibiscus=🌺 hourglass=⌛
house=🏠 hugging_face=🤗 hushed=😯 icecream=🍦 information_source=ℹ️ innocent=😇 joy=😂 key=🔑 keyboard=⌨️
kiss=💋 kissing_heart=😘 label=🏷️ large_blue_circle=🔵 large_green_circle=🟢 large_yellow_circle=🟡
laughing=😆 lemon=🍋 link=🔗 lock=🔒 loudspeaker=📢 love_letter=💌 mag=🔍 mailbox=📫 man-shrugging=🤷‍♂️
mask=😷 medal=🎖️ mega=📣 melting_face=🫠 memo=📝 mountain=⛰️ movie_camera=🎥 muscle=💪 musical_note=🎵
nerd_face=🤓 neutral_face=😐 new=🆕 no_entry=⛔ no_good=🙅 notes=🎶 ocean=🌊 ok=🆗 ok_hand=👌 one=1️⃣
open_book=📖 open_hands=👐 open_mouth=😮 orange_heart=🧡 owl=🦉 package=📦 palms_up_together=🤲
panda_face=🐼 paperclip=📎 partying_face=🥳 peace_symbol=☮️ pencil2=✏️ penguin=🐧 pensive=😔
people_hugging=🫂 phone=☎️ pizza=🍕 point_down=👇 point_left=👈 point_right=👉 point_up=☝️ point_up_2=👆
popcorn=🍿 pray=🙏 printer=🖨️ pumpkin=🎃 purple_heart=💜 pushpin=📌 question=❓ rainbow=🌈 raised_hand=✋
raised_hands=🙌 raising_hand=🙋 red_circle=🔴 recycle=♻️ relaxed=☺️ relieved=😌 repeat=🔁
revolving_hearts=💞 ribbon=🎀 ring=💍 robot_face=🤖 rocket=🚀 rolling_on_the_floor_laughing=🤣 rose=🌹
rotating_light=🚨 runner=🏃 salad=🥗 saluting_face=🫡 santa=🎅 scissors=✂️ scream=😱 second_place_medal=🥈
see_no_evil=🙈 seedling=🌱 shield=🛡️ ship=🚢 shrug=🤷 shushing_face=🤫 sleeping=😴 sleuth_or_spy=🕵️
slightly_frowning_face=🙁 slightly_smiling_face=🙂 smile=😄 smiley=😃 smirk=😏 snail=🐌 snowflake=❄️
snowman=⛄ sob=😭 soccer=⚽ sos=🆘 sparkles=✨ sparkling_heart=💖 speaking_head_in_silhouette=🗣️
speech_balloon=💬 spiral_calendar_pad=🗓️ star=⭐ star-struck=🤩 star2=🌟 stopwatch=⏱️ strawberry=🍓
stuck_out_tongue=😛 sun_with_face=🌞 sunflower=🌻 sunglasses=😎 sunny=☀️ sunrise=🌅 sweat_smile=😅 tada=🎉
taco=🌮 tea=🍵 telephone_receiver=📞 tennis=🎾 tent=⛺ the_horns=🤘 thermometer=🌡️ thinking_face=🤔
third_place_medal=🥉 thread=🧵 thought_balloon=💭 three=3️⃣ thumbsdown=👎 thumbsup=👍 tongue=👅 tools=🛠️
traffic_light=🚥 train=🚆 trophy=🏆 tropical_drink=🍹 turtle=🐢 tv=📺 two=2️⃣ two_hearts=💕 umbrella=☔
unamused=😒 unicorn_face=🦄 unlock=🔓 upside_down_face=🙃 v=✌️ vertical_traffic_light=🚦 violin=🎻
vulcan_salute=🖖 warning=⚠️ watch=⌚ watermelon=🍉 wave=👋 weary=😩 whale=🐳 white_check_mark=✅
white_heart=🤍 wine_glass=🍷 wink=😉 woman-shrugging=🤷‍♀️ world_map=🗺️ worried=😟 wrench=🔧
writing_hand=✍️ x=❌ yellow_heart=💛 yum=😋 zap=⚡ zzz=💤
"""

_CHARACTERS = dict(pair.split("=", 1) for pair in _TABLE.split())
_NAMES = {character.replace("\ufe0f", ""): name for name, character in reversed(_CHARACTERS.items())}


def character(name: str) -> str:
    """The emoji that Slack calls ``name``, whatever its skin tone; the name itself for one of the workspace's own."""
    plain = name.partition("::")[0]
    return _CHARACTERS.get(plain, plain)


def name(emoji: str) -> str:
    """Slack's name for the emoji, or ``emoji`` itself where it is a name already."""
    return _NAMES.get(emoji.replace("\ufe0f", ""), emoji.strip(":"))
