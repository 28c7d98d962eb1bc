"""What PDF/A-3u and PDF/UA-1 require of `report.pdf` beyond what WeasyPrint writes.

Corrected on WeasyPrint's objects, before they are written. What cannot be corrected is returned as a sentence,
and the document then claims neither standard.
"""
