"""Certificate authority of a local AWS: made at each start, with a private key that is in memory only."""

import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DOMAIN: Final = "amazonaws.com"
"""Domain of all host names that the authority may certify."""

_NAME: Final = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Fairlane local AWS")])
_VALIDITY: Final = timedelta(days=365)
_CONTEXTS: Final = 256


class CertificateAuthority:
    """Certificate authority that certifies host names of AWS, and no others."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._host_key = ec.generate_private_key(ec.SECP256R1())
        names = x509.NameConstraints(permitted_subtrees=[x509.DNSName(DOMAIN)], excluded_subtrees=None)
        self._certificate = (
            _builder(self._key, x509.BasicConstraints(ca=True, path_length=0))
            .subject_name(_NAME)
            .add_extension(_key_usage(is_authority=True), critical=True)
            .add_extension(names, critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.context = lru_cache(_CONTEXTS)(self._context)

    @property
    def pem(self) -> bytes:
        """Certificate of the authority, which clients must trust."""
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    def _context(self, host: str) -> ssl.SSLContext:
        """Return the TLS settings of a server with a host name."""
        authority_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        certificate = (
            _builder(self._host_key, x509.BasicConstraints(ca=False, path_length=None))
            .subject_name(x509.Name([]))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=True)
            .add_extension(_key_usage(is_authority=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(authority_key, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        key = self._host_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.TemporaryDirectory() as directory:  # the module ssl reads keys from files only
            file = Path(directory, "host.pem")
            file.touch(mode=0o600)
            file.write_bytes(key + certificate.public_bytes(serialization.Encoding.PEM))
            context.load_cert_chain(file)
        return context


def _builder(key: ec.EllipticCurvePrivateKey, constraints: x509.BasicConstraints) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .issuer_name(_NAME)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _VALIDITY)
        .add_extension(constraints, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _key_usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        encipher_only=False,
        decipher_only=False,
    )
