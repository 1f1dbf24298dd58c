"""Reads bodies that are not UTF-8: by the charset that their sender declares."""

import re

# Charsets of one or two bytes a letter, cheap to decode. Others, such as UTF-7, are not read.
_CHARSET = re.compile(
    r"charset\s*=\s*[\"']?"
    r"(iso-8859-[0-9]{1,2}|latin-?[19]|(?:windows-|cp)125[0-8]|koi8-[ru]|gb2312|gbk|gb18030"
    r"|big5|shift[_-]jis|euc-(?:jp|kr))[\"']?\s*(?:;|$)",
    re.IGNORECASE,
)


def decoded_by_charset(content: bytes, content_type: str) -> bytes | str:
    """Decode a body by the charset that `content_type` declares; UTF-8 is left as it is.

    A paid eSIM must not wait for a person because of an accent in its instructions (RFC 9110
    section 8.3.2).

    Raises:
        ValueError: it is not written in that charset.
    """
    try:
        content.decode()
    except UnicodeDecodeError:
        declared = _CHARSET.search(content_type)
        if declared is not None:
            return content.decode(declared[1])
    return content
