"""XMP packets (ISO 16684-1): what describes a photo for its result, without what describes its file."""

from __future__ import annotations

import logging
from xml.etree import ElementTree

_LOG = logging.getLogger(__name__)

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
# Namespaces of title, author, rights, keywords and place. Those of the camera, of the development, of
# panoramas and of motion photos do not apply to the result.
_KEPT = {
    "dc": "http://purl.org/dc/elements/1.1/",
    "xmpRights": "http://ns.adobe.com/xap/1.0/rights/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "Iptc4xmpCore": "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "cc": "http://creativecommons.org/ns#",
    "plus": "http://ns.useplus.org/ldf/xmp/1.0/",
    "lr": "http://ns.adobe.com/lightroom/1.0/",
}
# Single properties of other namespaces: time, place and rating.
_SINGLE = {
    "exif": ("http://ns.adobe.com/exif/1.0/", ("DateTimeOriginal", "GPS")),
    "xmp": ("http://ns.adobe.com/xap/1.0/", ("CreateDate", "Rating", "Label")),
}
_DROPPED = ("ICCProfile", "ColorMode")  # of photoshop: they describe the file
_MOST = 60_000  # bytes of a packet; a JPEG segment has room for little more
_HEAD = b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>'


def result_properties(packet: bytes) -> bytes:
    """Return a packet with the properties that apply to the result; empty if there are none, or damaged."""
    start, end = packet.find(b"<rdf:RDF"), packet.rfind(b"</rdf:RDF>")
    # A document type could define entities that expand without limit.
    if not 0 <= start < end or b"<!" in packet[start:end] or len(packet) > 100 * _MOST:
        return b""
    try:
        root = ElementTree.fromstring(packet[start:end] + b"</rdf:RDF>")
    except ElementTree.ParseError as fault:
        _LOG.info("its XMP data is damaged (%s) and is not copied", fault)
        return b""
    about = f"{{{_RDF}}}Description"
    whole = ElementTree.Element(about, {f"{{{_RDF}}}about": ""})
    for described in root.iter(about) if root.tag == f"{{{_RDF}}}RDF" else ():
        if described not in list(root):
            continue  # part of a property
        whole.attrib.update({name: text for name, text in described.attrib.items() if _applies(name)})
        whole.extend([item for item in described if _applies(item.tag)])
    if len(whole.attrib) + len(whole) < 2:
        return b""
    for prefix, name in {"rdf": _RDF, **_KEPT, **{k: v for k, (v, _) in _SINGLE.items()}}.items():
        ElementTree.register_namespace(prefix, name)
    made = ElementTree.Element(f"{{{_RDF}}}RDF")
    made.append(whole)
    text = ElementTree.tostring(made, encoding="utf-8")
    found = _HEAD + b'<x:xmpmeta xmlns:x="adobe:ns:meta/">' + text + b'</x:xmpmeta><?xpacket end="w"?>'
    return found if len(found) <= _MOST else b""


def _applies(name: str) -> bool:
    """Return whether a property, ``{namespace}name``, applies to the result."""
    space, _, own = name.removeprefix("{").partition("}")
    if own.startswith(_DROPPED):
        return False
    return space in _KEPT.values() or any(
        space == known and own.startswith(names) for known, names in _SINGLE.values()
    )
