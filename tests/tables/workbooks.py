"""Workbooks for tests, written part by part, so that they can also be wrong in every way."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'


def cell(place: str, value: str, kind: str = "inlineStr", style: int = 0) -> str:
    """A cell's XML; `value` is text, or what stands in <v> for other kinds than "inlineStr"."""
    inner = f"<is><t>{value}</t></is>" if kind == "inlineStr" else f"<v>{value}</v>"
    return f'<c r="{place}" t="{kind}" s="{style}">{inner}</c>'


def row(number: int, *cells: str) -> str:
    return f'<row r="{number}">{"".join(cells)}</row>'


def text_row(number: int, *values: str) -> str:
    return row(number, *(cell(f"{chr(65 + place)}{number}", value) for place, value in enumerate(values) if value))


def sheet(*rows: str) -> str:
    return f'{HEAD}<worksheet xmlns="{MAIN}"><sheetData>{"".join(rows)}</sheetData></worksheet>'


def parts(
    sheets: Mapping[str, str],
    *,
    texts: Sequence[str] = (),
    formats: Sequence[str] = (),
    properties: str = "",
    hidden: Sequence[str] = (),
) -> dict[str, str]:
    """The parts of a workbook by name.

    Args:
        sheets: XML by the sheet's name.
        texts: XML inside of each <si>.
        formats: codes of number formats; the cells' styles are 0 for none, then these.
        properties: attributes of <workbookPr>.
    """
    listed = "".join(
        f'<sheet name="{name}" sheetId="{n}" r:id="rId{n}"{" state=" + chr(34) + "hidden" + chr(34) if name in hidden else ""}/>'
        for n, name in enumerate(sheets, 1)
    )
    targets = "".join(
        f'<Relationship Id="rId{n}" Type="{OFFICE}/worksheet" Target="worksheets/sheet{n}.xml"/>'
        for n in range(1, len(sheets) + 1)
    )
    codes = "".join(f'<numFmt numFmtId="{164 + n}" formatCode="{code}"/>' for n, code in enumerate(formats))
    styles = "".join(f'<xf numFmtId="{number}"/>' for number in [0, *range(164, 164 + len(formats))])
    found = {
        "_rels/.rels": f'{HEAD}<Relationships xmlns="{PACKAGE}"><Relationship Id="r" Type="{OFFICE}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'{HEAD}<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><workbookPr {properties}/>'
        f"<sheets>{listed}</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'{HEAD}<Relationships xmlns="{PACKAGE}">{targets}'
        f'<Relationship Id="t" Type="{OFFICE}/sharedStrings" Target="/xl/sharedStrings.xml"/>'
        f'<Relationship Id="s" Type="{OFFICE}/styles" Target="styles.xml"/></Relationships>',
        "xl/sharedStrings.xml": f'{HEAD}<sst xmlns="{MAIN}">{"".join(f"<si>{text}</si>" for text in texts)}</sst>',
        "xl/styles.xml": f'{HEAD}<styleSheet xmlns="{MAIN}"><numFmts>{codes}</numFmts>'
        f'<cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs>{styles}</cellXfs></styleSheet>',
    }
    return found | {f"xl/worksheets/sheet{n}.xml": content for n, content in enumerate(sheets.values(), 1)}


def save(path: Path, contents: Mapping[str, str]) -> Path:
    """Write a zip file of these parts."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return path


def workbook(path: Path, *rows: Sequence[str]) -> Path:
    """A workbook of one sheet of texts."""
    return save(path, parts({"People": sheet(*(text_row(number, *values) for number, values in enumerate(rows, 1)))}))
