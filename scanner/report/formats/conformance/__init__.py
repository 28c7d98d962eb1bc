"""What PDF/A-3u and PDF/UA-1 require of `report.pdf` beyond what WeasyPrint writes.

WeasyPrint's objects are corrected before they are written. What cannot be corrected is returned as a
sentence: the document then claims neither standard.

A section of the document needs: an SVG with a <title>, which becomes its alternative text; a table with a
<thead>, and <th scope="row"> in its rows; headings that skip no level; links of the form
<a href="#id">text</a>, without elements in them. A test checks the document of the sample, which has every
section, by the clauses in tests/report/pdf_clauses.py.
"""
