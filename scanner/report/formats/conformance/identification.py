"""What a document says of itself: which standards it conforms to, and which files are attached to it."""

from typing import Any, Final

_PDF_A: Final = "http://www.aiim.org/pdfa/ns"
_PDF_UA: Final = "http://www.aiim.org/pdfua/ns/id/"

# PDF/A knows its own properties; those of PDF/UA have to be declared.
_CLAIMS: Final = f"""\
<rdf:Description rdf:about="" xmlns:pdfaid="{_PDF_A}/id/">
<pdfaid:part>3</pdfaid:part><pdfaid:conformance>U</pdfaid:conformance>
</rdf:Description>
<rdf:Description rdf:about="" xmlns:pdfuaid="{_PDF_UA}"><pdfuaid:part>1</pdfuaid:part></rdf:Description>
<rdf:Description rdf:about="" xmlns:pdfaExtension="{_PDF_A}/extension/" xmlns:pdfaSchema="{_PDF_A}/schema#" \
xmlns:pdfaProperty="{_PDF_A}/property#">
<pdfaExtension:schemas><rdf:Bag><rdf:li rdf:parseType="Resource">
<pdfaSchema:schema>PDF/UA identification</pdfaSchema:schema>
<pdfaSchema:namespaceURI>{_PDF_UA}</pdfaSchema:namespaceURI>
<pdfaSchema:prefix>pdfuaid</pdfaSchema:prefix>
<pdfaSchema:property><rdf:Seq><rdf:li rdf:parseType="Resource">
<pdfaProperty:name>part</pdfaProperty:name>
<pdfaProperty:valueType>Integer</pdfaProperty:valueType>
<pdfaProperty:category>internal</pdfaProperty:category>
<pdfaProperty:description>Part of ISO 14289 that the document conforms to</pdfaProperty:description>
</rdf:li></rdf:Seq></pdfaSchema:property>
</rdf:li></rdf:Bag></pdfaExtension:schemas>
</rdf:Description>
"""


def identify(document: Any, pdf: Any, *, claims: bool) -> None:  # noqa: ANN401 -- WeasyPrint's and pydyf's
    """Write the metadata of a document; `claims`: that it is PDF/A-3u and PDF/UA-1."""
    (metadata,) = (entry for entry in pdf.objects if getattr(entry, "extra", {}).get("Type") == "/Metadata")
    # Without a version, WeasyPrint names no standard; with one it names one alone.
    described, end, _ = document.metadata.generate_rdf_metadata("a", None, None).rpartition(b"</rdf:RDF>")
    packet = described + (_CLAIMS.encode() if claims else b"") + end
    metadata.stream = [
        b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>',
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/">',
        packet,
        b"</x:xmpmeta>",
        b'<?xpacket end="r"?>',
    ]


def attach_once(pdf: Any) -> None:  # noqa: ANN401 -- as above
    """List each attached file once among the associated files of the document."""
    files = pdf.catalog["AF"]
    files[:] = dict.fromkeys(files)
