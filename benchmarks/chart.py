"""Bars as SVG, drawn from what was found."""

from __future__ import annotations

from html import escape

__all__ = ["bars"]

_WIDTH, _LEFT, _ROW, _TOP = 720, 250, 26, 44
_OURS, _OTHERS = "#1f6feb", "#9aa4b2"


def bars(panels: list[tuple[str, list[tuple[str, float]]]], ours: str) -> str:
    """Draw panels of horizontal bars, each with its own scale from zero.

    Args:
        panels: Title, and label and value of each bar.
        ours: The label that is drawn in colour.
    """
    body: list[str] = []
    y = 12
    for title, rows in panels:
        body.append(f'<text x="12" y="{y + 14}" font-weight="600">{escape(title)}</text>')
        most = max(value for _, value in rows)
        for number, (name, value) in enumerate(rows):
            top = y + _TOP - 16 + number * _ROW
            length = max(1.0, (_WIDTH - _LEFT - 90) * value / most)
            colour = _OURS if name == ours else _OTHERS
            shown = f"{value:,.1f}" if value < 100 else f"{value:,.0f}"
            body.append(f'<text x="{_LEFT - 8}" y="{top + 14}" text-anchor="end">{escape(name)}</text>')
            body.append(f'<rect x="{_LEFT}" y="{top}" width="{length:.1f}" height="18" rx="2" fill="{colour}"/>')
            body.append(f'<text x="{_LEFT + length + 6:.1f}" y="{top + 14}">{shown}</text>')
        y += _TOP + len(rows) * _ROW
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{y}" viewBox="0 0 {_WIDTH} {y}" '
        'font-family="system-ui, sans-serif" font-size="13" fill="#57606a">'
    )
    return "\n".join([head, '<rect width="100%" height="100%" fill="#ffffff"/>', *body, "</svg>", ""])
