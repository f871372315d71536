"""Texts made to hurt a YAML reader, and the first line of what must be said about each.

They are made here and not stored: most of them are large, and all of them are simple.
"""

MIB = 1 << 20


def _laughs(levels: int, width: int) -> bytes:
    """Aliases of aliases: width ** levels values if written out."""
    lines = ["a0: &a0 [x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * width)}]" for n in range(1, levels + 1)]
    return "\n".join(lines).encode()


def _deep_aliases() -> bytes:
    """Each line nests the one before 30 deep: 3,000 levels in 100 lines."""
    lines = ["a0: &a0 x"]
    lines += [f"a{n}: &a{n} {'[' * 30}*a{n - 1}{']' * 30}" for n in range(1, 100)]
    return "\n".join(lines).encode()


MANY = "the text holds more than 10000 values."
DEEP = "values are nested more than 32 deep."
NO_YAML = "this is not valid YAML"

# name: (bytes, what the first line of the message contains)
ATTACKS: dict[str, tuple[bytes, str]] = {
    "billion laughs": (_laughs(9, 10), "with its aliases written out, the text holds more than"),
    "quadratic blowup": (
        b"a: &a [" + b"x," * 200 + b"]\nb: [" + b"*a," * 90 + b"]",
        "with its aliases written out, the text holds more than 10000 values.",
    ),
    "many aliases": (b"a: &a x\nb: [" + b"*a," * 101 + b"]", "more than 100 aliases."),
    "alias depth": (_deep_aliases(), DEEP),
    "recursive alias": (b"a: &a [*a]", "the alias 'a' has no finished anchor before it."),
    "depth of lists": (b"[" * 100_000, "more than 32 open brackets"),
    "depth of mappings": (b"{a: " * 100_000, "more than 32 open brackets"),
    "depth of block lists": (b"- " * 100_000, DEEP),
    "depth by indentation": (
        b"".join(b" " * n + b"a:\n" for n in range(1000)),
        DEEP,
    ),
    "depth of keys": (b"? " * 100_000, DEEP),
    "a million keys": (
        b"".join(b"k%d: 1\n" % n for n in range(1_000_000)),
        "is larger than 1 MiB; a config is a few lines.",
    ),
    "keys in 1 MiB": (b"".join(b"k%d: 1\n" % n for n in range(45_000)), MANY),
    "flow keys in 1 MiB": (b"{" + b"".join(b"k%d: 1," % n for n in range(80_000)), MANY),
    "empty items": (b"[" + b"a," * 300_000 + b"]", MANY),
    "5,000 digits": (b"seed: " + b"9" * 5000, "this number has 5000 characters; at most 100"),
    "500,000 digits": (b"seed: 0x" + b"f" * 500_000, "this number has 500002 characters"),
    "5,000 digits in a float": (b"seed: 1." + b"9" * 5000 + b"e5", "this number has 5004"),
    "huge exponent": (b"seed: 1e999999999", "nan and inf are no values for a setting"),
    "sexagesimal": (b"seed: " + b"1:" * 50_000 + b"1", "seed is '1:1:1:1:"),
    "NUL": (b"name: a\0b", "x.yaml:1:8: the control character U+0000 cannot stand in a config."),
    "escape sequence": (b"name: \x1b[2J", "x.yaml:1:7: the control character U+001B"),
    "C1 control": (b"name: \xc2\x9b2J", "x.yaml:1:7: the control character U+009B"),
    "UTF-16": ("name: x".encode("utf-16"), "is UTF-16 text; save it as UTF-8."),
    "UTF-16 without a mark": ("name: x".encode("utf-16-le"), "the control character U+0000"),
    "Latin-1": (b"name: caf\xe9\n", "x.yaml:1:10: the byte 0xe9 is not UTF-8; save the file"),
    "overlong UTF-8": (b"name: \xc0\xaf", "x.yaml:1:7: the byte 0xc0 is not UTF-8;"),
    "surrogate": (b"name: \xed\xa0\x80", "x.yaml:1:7: the byte 0xed is not UTF-8;"),
    "bad byte after a mark": (b"\xef\xbb\xbfab\xa9c", "x.yaml:1:3: the byte 0xa9 is not UTF-8;"),
    "mark in the middle": (b"name: a\xef\xbb\xbfb", "x.yaml:1:8: the control character U+FEFF"),
    "merge key": (b"a: &a {b: 1}\nc: {<<: *a}", "merge keys (<<) are not part of YAML 1.2;"),
    "python object": (
        b"data: !!python/object/apply:os.system ['touch /tmp/owned']",
        "the tag '!!python/object/apply:os.system' is not allowed;",
    ),
    "python name": (b"data: !!python/name:os.system", "the tag '!!python/name:os.system' is not"),
    "python module": (b"!!python/module:os {}", "the tag '!!python/module:os' is not allowed;"),
    "binary": (b"data: !!binary aGVsbG8=", "the tag '!!binary' is not allowed;"),
    "ordered map": (b"data: !!omap [a: 1]", "the tag '!!omap' is not allowed;"),
    "tag directive": (
        b"%TAG !y! tag:yaml.org,2002:python/\n---\ndata: !y!name:os.system\n",
        "the tag '!!python/name:os.system' is not allowed;",
    ),
    "dotted path as a name": (
        b"data: xor\nnetwork: [os.system]\nloss: mse",
        "there is no layer 'os.system'.",
    ),
    "dunder as a name": (
        b"data: xor\nnetwork: [{dense: {units: 1, __class__: x}}]\nloss: mse",
        "dense has no setting '__class__'.",
    ),
    "two documents": (b"a: 1\n---\nb: 2", "a second document begins here;"),
    "a text": (b"just words", "the config is 'just words'."),
    "nothing": (b"", "the config is empty."),
    "percent signs": (b"%" * MIB, NO_YAML),
    "tag of 1 MiB": (b"!" * MIB, "... (1048578 characters) is not allowed;"),
    "anchor of 1 MiB": (b"&" + b"a" * (MIB - 1), "the config is empty."),
    "comment of 1 MiB": (b"#" * MIB, "the config is empty."),
    "word of 1 MiB": (b"x" * MIB, "the config is 'xxxxxxxx"),
    "key of 1,000 characters": (b"k" * 1000 + b": 1", "the config has no setting 'kkkk"),
    "thousands of unknown keys": (
        b"training: {"
        + b"".join(b"epochs_training_shuffle_batch_size%d: 1, " % n for n in range(4900))
        + b"}",
        "training has no setting 'epochs_training_shuffle_batch_size0'.",
    ),
    "thousands of unknown layers": (
        b"data: xor\nloss: mse\nnetwork: [" + b"leaky_relu_dropout, " * 9000 + b"]",
        "there is no layer 'leaky_relu_dropout'.",
    ),
    "thousands of layers and values": (
        b"data: xor\nloss: mse\nnetwork: [" + b"relu, " * 2000 + b"sigmoi]\nsweeps:\n"
        b"  seed: {values: [" + b"0.5, " * 5000 + b"1]}",
        "there is no layer 'sigmoi'.",
    ),
    "thousands of wrong values": (
        b"data: xor\nloss: mse\nnetwork: [" + b"relu, " * 2000 + b"dense: 2]\nsweeps:\n"
        b"  seed: {values: [" + b"0.5, " * 5000 + b"1]}",
        "seed is 0.5.",
    ),
    "only line breaks": (b"\n" * MIB, "the text has more than 50000 lines."),
    "lines of one letter": (b"x\n" * (MIB // 2), "the text has more than 50000 lines."),
    "layers without end": (
        b"data: xor\nloss: mse\nnetwork: [" + b"relu," * 9_000 + b"relu",
        NO_YAML,
    ),
    "name outside the folder": (b"name: ../../etc/passwd", "a name cannot contain '/'"),
    "endless name": (b"name: " + b"a" * 300, "the name is longer than 100 characters"),
}
