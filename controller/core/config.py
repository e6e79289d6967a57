"""The controller's configuration: one frozen record, read once from the environment.

Reading it writes nothing, so that tools (type checker, tests, `--help`) may load the settings anywhere; only `prepare`
makes the data folder and the secrets in it, and the commands that really start something call it first.
"""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from controller.core.errors import ConfigError

BROKER_SCHEMES: Final = ("mqtt", "mqtts")
SECRET_BYTES: Final = 48


@dataclass(frozen=True)
class Config:
    """What this installation is."""

    data: Path
    """Folder of everything that must be backed up: db.sqlite3, blobs/, keys/."""
    province: str
    """Unit code of the province: part of every signature's domain."""
    environment: str
    """`prod`, `demo` …: 1–12 letters a–z, part of every signature's domain."""
    broker: str
    """URL at which the bridge reaches the MQTT broker; empty for none."""
    broker_public: str
    """URL of the broker that enrolled boxes are told."""
    hosts: tuple[str, ...]
    """Host names under which the pages are served; "*" for any."""
    origins: tuple[str, ...]
    """Origins (scheme://host:port) of a TLS proxy before the pages, for CSRF checks."""
    secret_key_file: Path
    """Holds Django's SECRET_KEY, mode 0600; made by `prepare`."""
    debug: bool
    """Tracebacks in the browser. Never where people work."""
    broker_folder: Path
    """Where Mosquitto's configuration, ACL and list of revoked certificates are written."""
    broker_pid: Path
    """File with the process id of Mosquitto, which is told of revoked boxes by SIGHUP."""
    tls_cert: Path | None
    """PEM chain of the web server's certificate; None for the PKI's own."""
    tls_key: Path | None
    """PEM key of `tls_cert`."""

    @property
    def behind_tls(self) -> bool:
        """People reach the pages by https alone, so cookies need not travel otherwise."""
        return bool(self.origins) and all(origin.startswith("https://") for origin in self.origins)

    @property
    def pki(self) -> Path:
        """CA, server certificate and the bridge's own: made by `loalang pki`, mode 0700."""
        return self.data / "pki"

    @property
    def database(self) -> Path:
        return self.data / "db.sqlite3"

    @property
    def blobs(self) -> Path:
        """Content by hash."""
        return self.data / "blobs"

    @property
    def keys(self) -> Path:
        """Online keys of machines, mode 0700. No person's key is ever here."""
        return self.data / "keys"


def read(environ: Mapping[str, str]) -> Config:
    """The configuration in these environment variables. Raises `ConfigError` naming the variable."""
    data = Path(environ.get("LOALANG_DATA") or "loalang-data").absolute()
    broker = _broker(environ, "LOALANG_BROKER", "")
    broker_folder = Path(environ.get("LOALANG_BROKER_DIR") or data / "broker").absolute()
    return Config(
        data=data,
        province=_match(environ, "LOALANG_PROVINCE", "79", "[0-9A-Za-z]{1,8}", "the province's unit code, such as 79"),
        environment=_match(environ, "LOALANG_ENVIRONMENT", "prod", "[a-z]{1,12}", "1 to 12 letters a-z, such as prod"),
        broker=broker,
        broker_public=_broker(environ, "LOALANG_BROKER_PUBLIC", broker),
        hosts=_list(environ, "LOALANG_HOSTS") or ("localhost", "127.0.0.1", "[::1]"),
        origins=_origins(environ),
        secret_key_file=Path(environ.get("LOALANG_SECRET_KEY_FILE") or data / "keys" / "django-secret").absolute(),
        debug=_match(environ, "LOALANG_DEBUG", "0", "[01]", "0 or 1") == "1",
        broker_folder=broker_folder,
        broker_pid=Path(environ.get("LOALANG_BROKER_PID") or broker_folder / "mosquitto.pid").absolute(),
        tls_cert=_path(environ, "LOALANG_TLS_CERT"),
        tls_key=_path(environ, "LOALANG_TLS_KEY"),
    )


def prepare(config: Config) -> None:
    """Make the data folder and Django's secret where they are not yet there. Raises `ConfigError` if it cannot.

    The folder is for this user alone: it holds everybody's sessions and the machine's keys.
    """
    try:
        config.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        _close(config.data)
        config.blobs.mkdir(exist_ok=True)
        config.keys.mkdir(mode=0o700, exist_ok=True)
        config.secret_key_file.parent.mkdir(parents=True, exist_ok=True)
        _write_secret(config.secret_key_file)
    except OSError as error:
        raise ConfigError(
            f"LOALANG_DATA: {config.data} cannot be used ({error.strerror or error}); "
            "name a folder in which this user may write"
        ) from error


def _close(data: Path) -> None:
    """Take everybody else's rights away, but not from a folder that is not the controller's own (`/srv`, a home)."""
    if not data.stat().st_mode & 0o077:
        return
    if any(data.iterdir()) and not (data / "keys").is_dir():
        raise ConfigError(
            f"LOALANG_DATA: {data} is open to other users and holds things that are not the controller's; "
            "name a folder of its own, or close it with chmod 700"
        )
    data.chmod(0o700)


def secret_key(config: Config) -> str:
    """Django's SECRET_KEY; before `prepare` a throw-away one, good enough for tools that serve nobody."""
    try:
        text = config.secret_key_file.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return secrets.token_urlsafe(SECRET_BYTES)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"LOALANG_SECRET_KEY_FILE: {config.secret_key_file} cannot be read ({error})") from error
    if len(text) < SECRET_BYTES:
        raise ConfigError(
            f"LOALANG_SECRET_KEY_FILE: {config.secret_key_file} holds fewer than {SECRET_BYTES} characters; "
            "delete it and start again, a new one is made (everybody has to log in again)"
        )
    return text


def _write_secret(path: Path) -> None:
    """Whole or not at all, also when two processes start together."""
    if path.exists():
        return
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    fresh.touch(mode=0o600)
    fresh.write_text(secrets.token_urlsafe(SECRET_BYTES) + "\n", encoding="utf-8")
    try:
        path.hardlink_to(fresh)
    except FileExistsError:
        pass  # the other process was first; its secret counts
    finally:
        fresh.unlink()


def _match(environ: Mapping[str, str], name: str, default: str, pattern: str, wanted: str) -> str:
    value = environ.get(name) or default
    if not re.fullmatch(pattern, value):
        raise ConfigError(f"{name}: {value!r} is not {wanted}")
    return value


def _list(environ: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in environ.get(name, "").split(",") if part.strip())


def _path(environ: Mapping[str, str], name: str) -> Path | None:
    value = environ.get(name)
    return Path(value).absolute() if value else None


def _broker(environ: Mapping[str, str], name: str, default: str) -> str:
    value = environ.get(name) or default
    if not value:
        return ""
    try:
        url = urlsplit(value)
        usable = url.scheme in BROKER_SCHEMES and bool(url.hostname) and (url.port or 1) > 0
    except ValueError:
        usable = False
    if not usable:
        raise ConfigError(f"{name}: {value!r} is not a broker's address such as mqtt://127.0.0.1:1883")
    return value


def _origins(environ: Mapping[str, str]) -> tuple[str, ...]:
    origins = _list(environ, "LOALANG_ORIGINS")
    for origin in origins:
        if not re.fullmatch(r"https?://[^/\s]+", origin):
            raise ConfigError(f"LOALANG_ORIGINS: {origin!r} is not an origin such as https://nguon.example.vn")
    return origins
