"""Certificates, made. Pure but for the random numbers in keys and serials: keys, names and times come in.

P-256, because TLS stacks of every age know it. A box keeps its Ed25519 key: the certificate is over that.
"""

import datetime as dt
import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_LIFE: Final = dt.timedelta(days=3653)
SERVER_LIFE: Final = dt.timedelta(days=397)
BOX_LIFE: Final = dt.timedelta(days=90)
BRIDGE: Final = "bridge"
"""CN of the controller's own client at the broker."""
BACKDATED: Final = dt.timedelta(minutes=5)
"""Machines' clocks differ: a certificate counts from a little before it was made."""

PublicKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey


@dataclass(frozen=True)
class Authority:
    """A CA: its key and its self-signed certificate."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.certificate)


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of the DER, in hex: what `box.toml` pins as `controller.ca`."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def make_authority(domain: str, now: dt.datetime) -> Authority:
    """A fresh CA. No two have the same name, so that no verifier mistakes one for the other."""
    key, serial = new_key(), x509.random_serial_number()
    name = _name(f"Loa Làng CA {domain} {serial:040x}"[:60])
    certificate = _ca(name, name, key.public_key(), now, now + AUTHORITY_LIFE).serial_number(serial)
    return Authority(key, certificate.sign(key, hashes.SHA256()))


def cross_sign(old: Authority, new: x509.Certificate, now: dt.datetime) -> x509.Certificate:
    """The new CA's name and key, vouched for by the old one: whoever trusts the old may trust the new."""
    public = new.public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    until = min(new.not_valid_after_utc, old.certificate.not_valid_after_utc)
    builder = _ca(new.subject, old.certificate.subject, public, now, until)
    return builder.serial_number(x509.random_serial_number()).sign(old.key, hashes.SHA256())


def issue_server(
    authority: Authority, key: PublicKey, names: Sequence[str], now: dt.datetime, life: dt.timedelta = SERVER_LIFE
) -> x509.Certificate:
    """For web server and broker, under these host names and addresses."""
    builder = _leaf(authority, _name(names[0][:64]), key, now, life, ExtendedKeyUsageOID.SERVER_AUTH)
    alternatives = x509.SubjectAlternativeName([_alternative(name) for name in names])
    return builder.add_extension(alternatives, critical=False).sign(authority.key, hashes.SHA256())


def issue_client(
    authority: Authority, key: PublicKey, name: str, now: dt.datetime, life: dt.timedelta = BOX_LIFE
) -> x509.Certificate:
    """For a client of the broker, who is called by this CN there: a box by its id."""
    builder = _leaf(authority, _name(name), key, now, life, ExtendedKeyUsageOID.CLIENT_AUTH)
    return builder.sign(authority.key, hashes.SHA256())


def revocation_list(
    authority: Authority,
    revoked: Iterable[tuple[int, dt.datetime]],
    now: dt.datetime,
    after: dt.datetime | None = None,
) -> x509.CertificateRevocationList:
    """(serial, since when) of certificates that no longer count.

    Of two lists OpenSSL takes the one with the later date, by the second: this one is dated later than `after`, the
    date of the list before, and still never in the future, which would make the broker refuse everybody. It does not
    run out before its CA: it travels to nobody, and an old list is better than a broker that lets nobody in.
    """
    dated = (now - BACKDATED).replace(microsecond=0)
    if after is not None:
        dated = max(dated, after + dt.timedelta(seconds=1))
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.certificate.subject)
        .last_update(dated)
        .next_update(max(authority.certificate.not_valid_after_utc, dated + dt.timedelta(days=1)))
    )
    for serial, since in revoked:
        row = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(since).build()
        builder = builder.add_revoked_certificate(row)
    return builder.sign(authority.key, hashes.SHA256())


def pem(certificates: Iterable[x509.Certificate]) -> bytes:
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)


def is_name(text: str) -> bool:
    """Whether a server certificate can be made out to this host name or address."""
    try:
        _alternative(text)
    except ValueError:
        return False
    return bool(text) and len(text) <= 253 and not set(text) - set(_HOST_LETTERS)


_HOST_LETTERS: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:*"


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _ca(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: dt.datetime, until: dt.datetime
) -> x509.CertificateBuilder:
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .not_valid_before(now - BACKDATED)
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _leaf(  # noqa: PLR0917 - all that makes one certificate differ from another
    authority: Authority,
    subject: x509.Name,
    key: PublicKey,
    now: dt.datetime,
    life: dt.timedelta,
    purpose: x509.ObjectIdentifier,
) -> x509.CertificateBuilder:
    until = min(now + life, authority.certificate.not_valid_after_utc)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(authority.certificate.subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()), critical=False)
    )
