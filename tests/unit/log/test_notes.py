"""Signed notes: what we sign is what the specification says, and what is bent is refused with its reason."""

from __future__ import annotations

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tokentrail.errors import ConfigError
from tokentrail.ledger.notes import COSIGNATURE_V1, NoteKey, checkpoint_text, load_note_key
from tokentrail.tokens.make_keys import ed25519_pem, one_line, rsa_pem, secret
from tokentrail.verifier.notes import NoteError, VKey, open_checkpoint, parse_checkpoint, parse_signature

ORIGIN = "log.example/ledger"
ROOT = hashlib.sha256(b"root").digest()
KEY = NoteKey(ORIGIN, Ed25519PrivateKey.generate())
SAME_NAME = NoteKey(ORIGIN, Ed25519PrivateKey.generate())
W1 = NoteKey("w1.example", Ed25519PrivateKey.generate(), COSIGNATURE_V1)
W2 = NoteKey("w2.example", Ed25519PrivateKey.generate(), COSIGNATURE_V1)
LOG, WITNESSES = VKey.parse(KEY.vkey), [VKey.parse(W1.vkey), VKey.parse(W2.vkey)]
TEXT = checkpoint_text(ORIGIN, 1234, ROOT)
NOTE = KEY.sign(TEXT)
TIME = 1_679_315_147


def test_the_example_of_the_specification() -> None:
    key = VKey.parse("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k")
    line = parse_signature(
        "\u2014 example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuw"
        "HjG1Yu72IneyaQM="
    )
    assert line.key_id == key.key_id
    assert key.verifies(b"This is an example message.\n", line.signature)
    assert not key.verifies(b"This is an example message!\n", line.signature)
    assert str(key) == "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"


def test_what_is_signed_opens() -> None:
    found = open_checkpoint(NOTE.encode(), LOG)
    assert (found.origin, found.size, found.root, found.witnesses) == (ORIGIN, 1234, ROOT, {})


def test_witnesses_are_counted() -> None:
    note = NOTE + W1.cosign(TEXT, TIME)
    assert open_checkpoint(note, LOG, witnesses=WITNESSES, quorum=1).witnesses == {"w1.example": TIME}
    with pytest.raises(NoteError, match="1 witnesses cosigned, 2 are needed"):
        open_checkpoint(note, LOG, witnesses=WITNESSES, quorum=2)
    both = note + W2.cosign(TEXT, TIME + 1)
    assert len(open_checkpoint(both, LOG, witnesses=WITNESSES, quorum=2).witnesses) == 2


def test_signatures_by_unknown_keys_are_passed_over() -> None:
    assert open_checkpoint(NOTE + W1.cosign(TEXT, TIME), LOG).size == 1234
    assert open_checkpoint(SAME_NAME.sign(TEXT) + KEY.signature_line(TEXT.encode()), LOG).size == 1234


def signed(text: str) -> str:
    return KEY.sign(text)


def text(*lines: str) -> str:
    return "".join(line + "\n" for line in lines)


B64 = base64.b64encode(ROOT).decode()
STALE = W1.cosign(checkpoint_text(ORIGIN, 1235, ROOT), TIME)
BENT = {
    "another origin": (signed(text("other.example", "1234", B64)), "the origin is"),
    "another key's name": (NoteKey("other.example", Ed25519PrivateKey.generate()).sign(TEXT), "no signature by"),
    "another key id": (SAME_NAME.sign(TEXT), "signed with another key"),
    "another size": (NOTE.replace("1234", "1235"), "does not verify"),
    "another root": (NOTE.replace(B64, base64.b64encode(bytes(32)).decode()), "does not verify"),
    "leading zeros": (signed(text(ORIGIN, "01234", B64)), "leading zeros"),
    "a sign": (signed(text(ORIGIN, "+1234", B64)), "not a decimal"),
    "other digits": (signed(text(ORIGIN, "\u0661\u0662", B64)), "not a decimal"),
    "no size": (signed(text(ORIGIN, "x", B64)), "not a decimal"),
    "size over 2^63-1": (signed(text(ORIGIN, str(1 << 63), B64)), "over 2\\^63-1"),
    "carriage returns": (NOTE.replace("\n", "\r\n"), "carriage returns"),
    "a tab": (NOTE.replace(ORIGIN, ORIGIN + "\t"), "control characters"),
    "an extra line": (signed(text(ORIGIN, "1234", B64, "more")), "1 extra lines"),
    "an empty line": (signed(text(ORIGIN, "1234", "", B64)), "three lines"),
    "two lines": (signed(text(ORIGIN, "1234")), "three lines"),
    "a short root": (signed(text(ORIGIN, "1234", base64.b64encode(bytes(31)).decode())), "31 bytes, not 32"),
    "base64 with spare bits": (signed(text(ORIGIN, "1234", B64[:-2] + "9=")), "base64"),
    "base64 for URLs": (signed(text(ORIGIN, "1234", "_" * 43 + "=")), "not base64"),
    "an empty tree with a root": (signed(text(ORIGIN, "0", B64)), "empty tree"),
    "the log signing twice": (NOTE + KEY.signature_line(TEXT.encode()), "signed twice"),
    "a witness signing twice": (NOTE + W1.cosign(TEXT, TIME) + W1.cosign(TEXT, TIME + 1), "w1.example signed twice"),
    "a cosignature of another tree": (NOTE + STALE, "cosignature of w1.example does not verify"),
    "a cosignature without time": (NOTE + W1.cosign(TEXT, 0), "cosignature of w1.example does not verify"),
    "no signature": (TEXT + "\n", "no signatures"),
    "nothing": ("", "no signatures"),
    "no newline at the end": (NOTE[:-1], "does not end in a newline"),
    "a hyphen for the dash": (NOTE.replace("\u2014", "-"), "not a signature line"),
    "a line more after the signatures": (NOTE + "more\n", "not a signature line"),
    "a blank line more": (NOTE + "\n", "no signatures"),
    "a signature too short": (TEXT + f"\n\u2014 {ORIGIN} {base64.b64encode(KEY.key_id).decode()}\n", "too short"),
    "too many signatures": (
        NOTE + "".join(f"\u2014 w{i} AAAAAAAAAA==\n" for i in range(64)),
        "over 64 signatures",
    ),
}


@pytest.mark.parametrize("case", BENT)
def test_a_bent_note_is_refused_with_its_reason(case: str) -> None:
    note, reason = BENT[case]
    with pytest.raises(NoteError, match=reason):
        open_checkpoint(note, LOG, origin=ORIGIN, witnesses=WITNESSES)


def test_every_bit_of_a_note_counts() -> None:
    raw = NOTE.encode()
    for position in range(len(raw)):
        for bit in range(8):
            changed = bytearray(raw)
            changed[position] ^= 1 << bit
            with pytest.raises(NoteError):
                open_checkpoint(bytes(changed), LOG)


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(NoteError, match="not UTF-8"):
        parse_checkpoint(b"\xff\n\n")
    with pytest.raises(NoteError, match="is over"):
        parse_checkpoint(b"x" * ((1 << 20) + 1))


@pytest.mark.parametrize(
    ("vkey", "reason"),
    [
        ("name", "name\\+id\\+key"),
        ("na me+00000000+AA==", "cannot be a key's name"),
        ("name+0000000G+AA==", "eight hexadecimal"),
        ("name+00000000+AA", "not base64"),
        ("name+00000000+" + base64.b64encode(b"\x02" + bytes(32)).decode(), "not an Ed25519 key"),
        ("name+00000000+" + base64.b64encode(b"\x01" + bytes(31)).decode(), "not an Ed25519 key"),
        ("name+00000000+" + base64.b64encode(b"\x01" + bytes(32)).decode(), "not that of its key"),
    ],
)
def test_a_bent_verifier_key_is_refused(vkey: str, reason: str) -> None:
    with pytest.raises(NoteError, match=reason):
        VKey.parse(vkey)


def test_keys_come_as_seed_pem_or_pem_in_base64() -> None:
    pem = ed25519_pem()
    vkeys = {load_note_key(form, ORIGIN, "K").vkey for form in (pem, one_line(pem), pem.replace("\n", "\\n"))}
    assert len(vkeys) == 1
    assert load_note_key(secret(), ORIGIN, "K").vkey.startswith(ORIGIN + "+")


@pytest.mark.parametrize("setting", ["", "x", base64.b64encode(bytes(31)).decode(), rsa_pem(), "-----BEGIN X-----"])
def test_a_wrong_key_is_named_and_not_shown(setting: str) -> None:
    with pytest.raises(ConfigError, match="TOKENTRAIL_CHECKPOINT_KEY must be") as error:
        load_note_key(setting, ORIGIN, "TOKENTRAIL_CHECKPOINT_KEY")
    assert len(setting) < 10 or setting[:20] not in str(error.value)


@pytest.mark.parametrize("name", ["", "two words", "a+b", "a\nb"])
def test_a_name_that_no_note_can_hold_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="cannot name a key"):
        NoteKey(name, Ed25519PrivateKey.generate())
