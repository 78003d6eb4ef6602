"""Pictures of goods, drawn on the server by category until a store has photos of its own."""

import zlib

from markupsafe import Markup

SIZE = 240

# Ground, shade, body and light of each colouring; pale grounds, so that shapes stand out softly.
COLOURINGS: tuple[tuple[str, str, str, str], ...] = (
    ("#e7e2d3", "#d3ccb8", "#33594e", "#a8c3b4"),
    ("#f0ddd0", "#e2c6b3", "#9c4a33", "#e8b89f"),
    ("#dde5e4", "#c5d2d1", "#2c4f5e", "#9fbfc9"),
    ("#efe3c8", "#dfcfa6", "#8a6420", "#e3c57e"),
    ("#e9dde2", "#d8c5cd", "#6d3b52", "#cfa4b6"),
    ("#e1e6d6", "#cbd3ba", "#54652c", "#b8c692"),
)

# Each drawing uses {body} and {light} on a ground of 240 x 240 with its foot at about y = 196.
DRAWINGS: dict[str, str] = {
    "tea": (
        '<path d="M70 112h100v34a50 50 0 0 1-100 0z" fill="{body}"/>'
        '<path d="M170 122h10a18 18 0 0 1 0 36h-16" fill="none" stroke="{body}" stroke-width="9"/>'
        '<ellipse cx="120" cy="112" rx="50" ry="12" fill="{light}"/>'
        '<path d="M104 90c-12-14 10-22 0-38M132 90c-12-14 10-22 0-38" fill="none"'
        ' stroke="{body}" stroke-width="5" stroke-linecap="round" opacity=".45"/>'
        '<ellipse cx="120" cy="203" rx="66" ry="8" fill="{body}" opacity=".9"/>'
    ),
    "skincare": (
        '<rect x="88" y="92" width="64" height="108" rx="14" fill="{body}"/>'
        '<rect x="104" y="62" width="32" height="30" rx="4" fill="{light}"/>'
        '<path d="M112 62V46h30" fill="none" stroke="{body}" stroke-width="10"'
        ' stroke-linecap="round" stroke-linejoin="round"/>'
        '<rect x="100" y="124" width="40" height="46" rx="3" fill="{light}"/>'
    ),
    "makeup": (
        '<rect x="94" y="126" width="52" height="74" rx="6" fill="{body}"/>'
        '<rect x="100" y="100" width="40" height="28" fill="{light}"/>'
        '<path d="M104 100V66c0-8 32-22 32-8v42z" fill="{body}" opacity=".82"/>'
    ),
    "fragrance": (
        '<rect x="72" y="98" width="96" height="102" rx="18" fill="{light}"/>'
        '<path d="M72 138h96v44a18 18 0 0 1-18 18H90a18 18 0 0 1-18-18z" fill="{body}"/>'
        '<rect x="104" y="78" width="32" height="22" fill="{body}"/>'
        '<circle cx="120" cy="62" r="20" fill="{body}" opacity=".85"/>'
    ),
    "apparel": (
        '<path d="M92 58 54 84l18 34 16-10v92h64v-92l16 10 18-34-38-26c-8 18-48 18-56 0z"'
        ' fill="{body}"/><path d="M92 58c8 22 48 22 56 0" fill="none" stroke="{light}"'
        ' stroke-width="8"/><path d="M120 92v108" stroke="{light}" stroke-width="3"'
        ' stroke-dasharray="2 12" stroke-linecap="round"/>'
    ),
    "shoes": (
        '<path d="M44 178c0-26 6-46 10-62l38 4c8 22 34 34 68 40 26 4 36 14 36 30H46z"'
        ' fill="{body}"/><path d="M42 186h156v8a10 10 0 0 1-10 10H52a10 10 0 0 1-10-10z"'
        ' fill="{light}"/><path d="m96 138 20-10m-6 20 20-9m-4 18 18-8" stroke="{light}"'
        ' stroke-width="6" stroke-linecap="round"/>'
    ),
    "bag": (
        '<path d="M66 100h108l14 98a6 6 0 0 1-6 6H58a6 6 0 0 1-6-6z" fill="{body}"/>'
        '<path d="M90 120V88a30 30 0 0 1 60 0v32" fill="none" stroke="{light}"'
        ' stroke-width="9" stroke-linecap="round"/><rect x="104" y="146" width="32"'
        ' height="22" rx="4" fill="{light}"/>'
    ),
    "jewellery": (
        '<circle cx="120" cy="146" r="50" fill="none" stroke="{body}" stroke-width="13"/>'
        '<path d="m120 40 30 26-30 36-30-36z" fill="{light}"/>'
        '<path d="m120 40 30 26h-60z" fill="{body}" opacity=".55"/>'
    ),
    "home": (
        '<path d="M98 56h44l-8 34c34 18 40 44 34 72-4 22-18 40-48 40s-44-18-48-40'
        'c-6-28 0-54 34-72z" fill="{body}"/><ellipse cx="120" cy="56" rx="22" ry="6"'
        ' fill="{light}"/><path d="M76 142c26 12 62-12 90 2" fill="none" stroke="{light}"'
        ' stroke-width="7"/>'
    ),
    "food": (
        '<path d="M58 128h124c0 44-24 72-62 72s-62-28-62-72z" fill="{body}"/>'
        '<path d="M78 126c4-30 30-36 42-20 14-18 42-8 42 20z" fill="{light}"/>'
        '<path d="m146 44-20 74m44-66-34 68" stroke="{body}" stroke-width="7"'
        ' stroke-linecap="round"/>'
    ),
    "electronics": (
        '<path d="M64 140v-14a56 56 0 0 1 112 0v14" fill="none" stroke="{body}"'
        ' stroke-width="13"/><rect x="52" y="132" width="36" height="66" rx="16"'
        ' fill="{body}"/><rect x="152" y="132" width="36" height="66" rx="16" fill="{body}"/>'
        '<rect x="80" y="142" width="12" height="46" rx="6" fill="{light}"/>'
        '<rect x="148" y="142" width="12" height="46" rx="6" fill="{light}"/>'
    ),
    "sport": (
        '<rect x="84" y="84" width="72" height="118" rx="20" fill="{body}"/>'
        '<rect x="96" y="62" width="48" height="24" rx="5" fill="{light}"/>'
        '<path d="M112 62V46h16v16" fill="none" stroke="{body}" stroke-width="8"/>'
        '<path d="M84 122h72v26H84z" fill="{light}"/>'
    ),
    "teapot": (
        '<path d="M72 128c0-24 22-36 48-36s48 12 48 36-16 62-48 62-48-38-48-62z" fill="{body}"/>'
        '<path d="M166 120c22-14 30 4 22 22s-16 28-30 26" fill="none" stroke="{body}"'
        ' stroke-width="10"/><path d="M76 150c-22-2-24-30-40-38 16-4 28 2 40 18z" fill="{body}"/>'
        '<path d="M90 94c8-16 52-16 60 0z" fill="{light}"/><circle cx="120" cy="78" r="8"'
        ' fill="{body}"/><path d="M78 138c26 12 58-10 84 0" fill="none" stroke="{light}"'
        ' stroke-width="6"/><ellipse cx="120" cy="198" rx="58" ry="7" fill="{body}" opacity=".4"/>'
    ),
    "leaves": (
        '<rect x="78" y="88" width="84" height="112" rx="8" fill="{body}"/>'
        '<rect x="72" y="66" width="96" height="30" rx="8" fill="{body}" opacity=".82"/>'
        '<rect x="90" y="118" width="60" height="62" rx="4" fill="{light}"/>'
        '<path d="M120 170c-18-12-16-32 0-44 16 12 18 32 0 44zm0 0v-30" fill="{body}"'
        ' stroke="{light}" stroke-width="3"/>'
    ),
    "backpack": (
        '<path d="M70 118a50 50 0 0 1 100 0v70a14 14 0 0 1-14 14H84a14 14 0 0 1-14-14z"'
        ' fill="{body}"/><path d="M102 72V58a18 18 0 0 1 36 0v14" fill="none" stroke="{body}"'
        ' stroke-width="9"/><rect x="86" y="142" width="68" height="44" rx="8" fill="{light}"/>'
        '<path d="M92 112h56" stroke="{light}" stroke-width="7" stroke-linecap="round"/>'
        '<rect x="56" y="134" width="14" height="52" rx="7" fill="{body}" opacity=".8"/>'
        '<rect x="170" y="134" width="14" height="52" rx="7" fill="{body}" opacity=".8"/>'
    ),
    "tent": (
        '<path d="M120 64 204 196H36z" fill="{body}"/><path d="m120 64 30 132H90z" fill="{light}"/>'
        '<path d="m112 52 8 12 8-12" fill="none" stroke="{body}" stroke-width="6"'
        ' stroke-linecap="round"/><path d="M24 198h192" stroke="{body}" stroke-width="7"'
        ' stroke-linecap="round"/>'
    ),
    "jacket": (
        '<path d="M94 54 60 72 42 178l26 6 14-58v74h76v-74l14 58 26-6-18-106-34-18-26 18z"'
        ' fill="{body}"/><path d="M120 72v128" stroke="{light}" stroke-width="5"/>'
        '<path d="m94 54 26 18 26-18 8 22-34 12-34-12z" fill="{light}"/>'
        '<path d="M92 156h16m24 0h16" stroke="{light}" stroke-width="5" stroke-linecap="round"/>'
    ),
    "gift": (
        '<rect x="60" y="112" width="120" height="90" rx="4" fill="{body}"/>'
        '<rect x="50" y="88" width="140" height="30" rx="4" fill="{body}" opacity=".85"/>'
        '<path d="M110 88h20v114h-20z" fill="{light}"/>'
        '<path d="M120 86c-34 0-44-42-20-38 14 2 20 24 20 38 0-14 6-36 20-38 24-4 14 38-20 38z"'
        ' fill="none" stroke="{light}" stroke-width="8"/>'
    ),
}
OTHERWISE = "gift"

# What shops call their categories, by a part of the name, and the drawing that stands for it.
ALIASES: tuple[tuple[str, str], ...] = (
    ("teaware", "teapot"),
    ("green tea", "leaves"),
    ("white tea", "leaves"),
    ("pu-erh", "leaves"),
    ("oolong", "tea"),
    ("camp", "tent"),
    ("coffee", "tea"),
    ("drink", "tea"),
    ("serum", "skincare"),
    ("care", "skincare"),
    ("beauty", "makeup"),
    ("lip", "makeup"),
    ("cosmetic", "makeup"),
    ("perfume", "fragrance"),
    ("scent", "fragrance"),
    ("candle", "fragrance"),
    ("cloth", "apparel"),
    ("fashion", "apparel"),
    ("shirt", "apparel"),
    ("coat", "jacket"),
    ("knit", "apparel"),
    ("outdoor", "sport"),
    ("sneaker", "shoes"),
    ("shoe", "shoes"),
    ("boot", "shoes"),
    ("accessor", "bag"),
    ("leather", "bag"),
    ("watch", "jewellery"),
    ("jewel", "jewellery"),
    ("ring", "jewellery"),
    ("ceramic", "home"),
    ("vase", "home"),
    ("kitchen", "food"),
    ("snack", "food"),
    ("bowl", "food"),
    ("audio", "electronics"),
    ("phone", "electronics"),
    ("digital", "electronics"),
    ("bottle", "sport"),
    ("fitness", "sport"),
)


def choose_drawing(category: str) -> str:
    """Return the name of the drawing that stands for a category; a gift where none is nearer."""
    name = category.strip().lower()
    kinds = (*ALIASES, *((drawing, drawing) for drawing in DRAWINGS))
    return next((drawing for part, drawing in kinds if part in name), OTHERWISE)


def choose_colouring(product: str) -> int:
    """Return the colouring of a product, the same on each screen and after each start."""
    return zlib.crc32(product.encode()) % len(COLOURINGS)


def draw(drawing: str, colouring: int) -> Markup:
    """Return the SVG of a known drawing in one of the colourings."""
    ground, shade, body, light = COLOURINGS[colouring % len(COLOURINGS)]
    shapes = DRAWINGS[drawing].format(body=body, light=light)
    # Every value above is from this file's own tables, so that nothing needs escaping.
    return Markup(  # noqa: S704
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIZE} {SIZE}">'
        f'<rect width="{SIZE}" height="{SIZE}" fill="{ground}"/>'
        f'<path d="M0 240V176c70-26 170-26 240 0v64z" fill="{shade}"/>'
        f'<circle cx="120" cy="128" r="96" fill="#fff" opacity=".34"/>{shapes}</svg>'
    )
