"""What Python makes of a request target; see parsers.mjs for the lines."""

import ntpath
import posixpath
import sys
from urllib.parse import unquote, unquote_plus, urljoin, urlparse, urlsplit


def target(s):
    return s.split("?", 1)[0]


# WSGI gives PATH_INFO with an octet in each character.
PARSERS = {
    "python urlsplit": lambda s: urlsplit(s).path,
    "python urlparse": lambda s: urlparse(s).path,
    "python unquote of urlsplit": lambda s: unquote(urlsplit(s).path, "latin-1"),
    "python unquote": lambda s: unquote(target(s), "latin-1"),
    "python unquote_plus": lambda s: unquote_plus(target(s)),
    "python posixpath.normpath": lambda s: posixpath.normpath(target(s)),
    "python posixpath.normpath of unquote": lambda s: posixpath.normpath(unquote(target(s))),
    "python ntpath.normpath of unquote": lambda s: ntpath.normpath(unquote(target(s))).replace("\\", "/"),
    "python urljoin": lambda s: urlsplit(urljoin("http://h/", s)).path,
    "python strip": lambda s: unquote(target(s)).strip(),
}


def encode(s):
    try:
        return "x" + s.encode("latin-1").hex()
    except UnicodeEncodeError:
        return "x" + s.encode("utf-8", "surrogatepass").hex()


def answer(parse, s):
    try:
        return encode(parse(s))
    except ValueError:
        return "-"


print("\t".join(PARSERS))
for line in sys.stdin:
    s = bytes.fromhex(line.strip()).decode("latin-1")
    print(" ".join(answer(parse, s) for parse in PARSERS.values()))
