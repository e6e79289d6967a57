"""box.toml: what a technician may get wrong, and what is said then."""

from pathlib import Path

import pytest

from agent.config import ACCENTS, RECORDINGS, load, parse, to_toml
from agent.core.pin import hash_of
from agent.errors import ConfigError
from agent.ports.sound import Accent
from protocol.live import WARM_MS

PATH = Path("/etc/loalang/box.toml")
KEY = "ab" * 16
HASH = hash_of("24681357", bytes(16))
GOOD = f"""
[box]
name = "Cụm loa thôn 3"
state_dir = "state"
[controller]
url = "https://nguon.example.vn/"
roots = "{KEY}"
"""


def test_a_short_file_is_enough_and_the_rest_has_defaults() -> None:
    config = parse(GOOD, PATH)
    assert config.name == "Cụm loa thôn 3"
    assert config.url == "https://nguon.example.vn"
    assert config.state_dir == Path("/etc/loalang/state")
    assert config.control_socket == Path("/etc/loalang/state/control.sock")
    assert config.roots == bytes.fromhex(KEY)
    assert (config.output, config.clock_trust, config.lead_in_ms) == ("auto", "synchronised", 1500)


def test_what_is_written_reads_the_same() -> None:
    config = parse(GOOD.replace("thôn 3", 'thôn \\"Ba\\" \\\\ 3'), PATH)
    assert parse(to_toml(config), PATH) == config


def test_a_box_speaks_as_its_part_of_the_country_and_knows_its_announcers_folder(tmp_path: Path) -> None:
    plain = parse(GOOD, PATH)
    assert (plain.voice, plain.announcer) == ("north", None)
    config = parse(f"{GOOD}[sound]\nvoice = 'south'\nannouncer = '{tmp_path}'", PATH)
    assert (config.voice, config.announcer) == ("south", tmp_path)
    assert parse(to_toml(config), PATH) == config
    assert [str(accent) for accent in Accent] == list(ACCENTS)


def test_a_box_has_no_ear_unless_one_is_named() -> None:
    config = parse(GOOD, PATH)
    assert (config.ear_device, config.ear_adc, config.ear_threshold) == (None, None, 5)
    adc = "/sys/bus/iio/devices/iio:device0/in_voltage0_raw"
    config = parse(f"{GOOD}[ear]\ndevice = 'USB'\nadc = '{adc}'\nthreshold = 7", PATH)
    assert (config.ear_device, config.ear_adc, config.ear_threshold) == ("USB", Path(adc), 7)
    assert parse(to_toml(config), PATH) == config


def test_the_ear_of_a_machine_without_sound_hears_what_it_records() -> None:
    config = parse(f"{GOOD}[sound]\noutput = 'wav'\n[ear]\ndevice = 'recordings'", PATH)
    assert config.ear_device == RECORDINGS
    assert parse(to_toml(config), PATH) == config


@pytest.mark.parametrize(
    ("change", "named", "way_out"),
    [
        ("[sound]\noutput = 'loud'", "sound.output", "auto, portaudio, wav, fake"),
        ("[sound]\noutpt = 'wav'", "sound.outpt", "no such key; the keys of [sound]"),
        ("[sounds]\noutput = 'wav'", "[sounds]", "the tables are [box]"),
        ("[sound]\nlead_in_ms = 'long'", "sound.lead_in_ms", "whole number from 0"),
        ("[sound]\nlead_in_ms = true", "sound.lead_in_ms", "whole number from 0"),
        ("[sound]\nvoice = 'huế'", "sound.voice", "'huế' is not possible; choose one of north, central, south"),
        (
            "[sound]\nannouncer = 'nowhere'",
            "sound.announcer",
            "/etc/loalang/nowhere is not a folder; make it or remove",
        ),
        ("[sound]\nannouncer = 3", "sound.announcer", "a path in quotes"),
        (f"[sound]\nlead_in_ms = {WARM_MS + 1}", "sound.lead_in_ms", f"whole number from 0 to {WARM_MS}"),
        ("[ear]\nthreshold = 2", "ear.threshold", "whole number from 4 to 12"),
        ("[ear]\ndevice = 'recordings'", "ear.device", 'output = "wav" under [sound]'),
        ("[sound]\ndevice = 'USB'\nsecond = 'USB'", "sound.second", "name another one, or take this line away"),
        ("[ear]", "[ear]", "name the microphone (device) or the measuring chip (adc), or drop the table"),
        ("[ear]\nthreshold = 5", "[ear]", "name the microphone (device)"),
        ("[local]\nlisten = ''", "local.listen", 'write such as "127.0.0.1:8099"'),
        ("[clock]\ntrust = 'me'", "clock.trust", "synchronised, system"),
        (f"[control]\nsocket = '/{'x' * 120}'", "control.socket", "choose a shorter one"),
    ],
)
def test_a_wrong_key_is_named_with_the_way_out(change: str, named: str, way_out: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(GOOD + change, PATH)
    assert str(PATH) in str(caught.value)
    assert named in str(caught.value)
    assert way_out in str(caught.value)


@pytest.mark.parametrize(
    ("line", "instead", "named", "way_out"),
    [
        ('name = "Cụm loa thôn 3"', "", "box.name", "is missing; add it under [box]"),
        (f'"{KEY}"', '"abc"', "controller.roots", "32 hexadecimal digits"),
        (f'"{KEY}"', "77", "controller.roots", "in quotes"),
        ('"https://nguon.example.vn/"', '"nguon.example.vn"', "controller.url", '"https://"'),
        ('"https://nguon.example.vn/"', '"https://x:99999"', "controller.url", '"https://"'),
        ('state_dir = "state"', 'state_dir = ""', "box.state_dir", "a path"),
        ('url = "', 'ca_file = "no-such.pem"\nurl = "', "controller.ca_file", "is not a file"),
    ],
)
def test_a_wrong_value_is_named_with_the_way_out(line: str, instead: str, named: str, way_out: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(GOOD.replace(line, instead), PATH)
    assert named in str(caught.value)
    assert way_out in str(caught.value)


def test_a_file_that_is_not_there_or_not_toml_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load(tmp_path / "box.toml")
    (tmp_path / "box.toml").write_text("name = = 3")
    with pytest.raises(ConfigError, match="not TOML"):
        load(tmp_path / "box.toml")
    (tmp_path / "box.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="UTF-8"):
        load(tmp_path / "box.toml")
    (tmp_path / "box.toml").write_text("box = 3")
    with pytest.raises(ConfigError, match="outside a table"):
        load(tmp_path / "box.toml")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (GOOD + "[sound]\noutput = 'loud'", "sound.output: không thể là 'loud'; hãy chọn một trong auto, portaudio"),
        (GOOD + "[sound]\noutpt = 'wav'", "sound.outpt: không có khóa này; các khóa của [sound] là"),
        (GOOD + "[sound]\nvoice = 'huế'", "sound.voice: không thể là 'huế'; hãy chọn một trong north, central, south"),
        (GOOD + "[sound]\nannouncer = 'x'", "sound.announcer: /etc/loalang/x không phải là thư mục; hãy tạo thư mục"),
        (GOOD.replace(KEY, "ab"), "controller.roots: 'ab' không phải vân tay danh sách; hãy viết 32 chữ số hex"),
        (GOOD.replace("https:", "ftp:"), 'không phải địa chỉ web; hãy viết "https://"'),
        ("[box", "không đúng cú pháp TOML"),
    ],
)
def test_it_is_said_in_vietnamese_too(wrong: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(wrong, PATH)
    assert said in caught.value.said("vi")
    assert caught.value.said("en") == str(caught.value)


PANEL = """
[panel]
driver = "fake"
emergency = 5
key = 6
amplifier = 7
status_lamp = 8
select = [20, 21]
messages = [2, 4]
active_high = ["key"]
active_low = ["amplifier"]
"""


def test_another_computers_chip_has_more_lines_and_one_message_needs_nothing_to_choose_it() -> None:
    far = parse(GOOD + PANEL.replace("key = 6", 'key = 120\nchip = "/dev/gpiochip1"'), PATH)
    assert dict(far.panel.lines)["key"] == 120
    fire = parse(GOOD + PANEL.replace("select = [20, 21]", "").replace("[2, 4]", "[4]"), PATH)
    assert fire.panel.messages == (4,)


def test_a_panel_is_read_and_written_alike() -> None:
    config = parse(GOOD + PANEL, PATH)
    assert dict(config.panel.lines) == {"emergency": 5, "key": 6, "amplifier": 7, "status_lamp": 8}
    assert (config.panel.select, config.panel.messages) == ((20, 21), (2, 4))
    assert parse(to_toml(config), PATH) == config
    assert parse(GOOD, PATH).panel.driver == "none"
    reaching = parse(GOOD + PANEL + 'token = "panel.key"\ntalk_to = "commune"\n', PATH)
    assert reaching.panel.talk_to == "commune"
    assert parse(to_toml(reaching), PATH) == reaching


@pytest.mark.parametrize(
    ("line", "instead", "named", "way_out"),
    [
        ("key = 6", "", "panel.emergency", "wire a key switch"),
        ("key = 6", "key = 5", "[panel]", "GPIO 5 stands twice, at emergency, key; give each wire a pin of its own"),
        ("key = 6", "key = 21", "[panel]", "GPIO 21 stands twice, at key, select[1]"),
        ("key = 6", "key = 28", "panel.key", "a Raspberry Pi has GPIO 0 to 27, not 28"),
        ("[20, 21]", "[20, 54]", "panel.select[1]", "with another computer name its chip"),
        ("select = [20, 21]", "", "panel.messages", "nothing chooses among 2 messages; wire select"),
        ("[2, 4]", "[2, 2]", "panel.messages", "message 2 stands twice"),
        ("[2, 4]", "[2, 77]", "panel.messages", "no prepared message 77; choose from 1, 2, 3"),
        ("[2, 4]", "[2, 90]", "panel.messages", "no prepared message 90"),
        ("key = 6", f'key = 6\nduress_code = "{HASH}"', "panel.duress_code", "set code, or token"),
        (
            "key = 6",
            f'key = 6\ncode = "{HASH}"\nduress_code = "{HASH}"',
            "panel.duress_code",
            "the same as code: no alarm could be raised; make another with `loalang-agent panel-code --duress`",
        ),
        ("key = 6", "key = '6'", "panel.key", "whole number from 0"),
        ("[2, 4]", "[2]", "panel.messages", "one for each"),
        ("[20, 21]", "[20, true]", "panel.select", "a list of whole numbers"),
        ('["key"]', '["kye"]', "panel.active_high", "a list of some of emergency, key"),
        ("key = 6", 'key = 6\ncode = "24681357"', "panel.code", "never the code itself"),
        ("key = 6", 'key = 6\ntalk_to = "commune"', "panel.talk_to", "set panel.token"),
        ("key = 6", 'key = 6\ntoken = "t.key"\ntalk_to = "77"', "panel.talk_to", "choose one of commune"),
        ('"fake"', '"wiringpi"', "panel.driver", "none, auto, gpiod, gpiozero, fake"),
    ],
)
def test_a_panel_that_is_wrong_is_named_with_the_way_out(line: str, instead: str, named: str, way_out: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(GOOD + PANEL.replace(line, instead), PATH)
    assert named in str(caught.value)
    assert way_out in str(caught.value)
