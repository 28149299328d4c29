# SPDX-License-Identifier: BSD-3-Clause
"""Small line charts as SVG."""

import math

WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 70, 150, 30, 50
COLOURS = ["#1f5fa8", "#b8431f", "#2c7a3f", "#7a3f8c", "#8a6d1a", "#444444"]


def _steps(most):
    """Round values from 0 to at least `most`."""
    step = 10 ** math.floor(math.log10(most / 4))
    step = next(step * times for times in (1, 2, 5, 10) if step * times * 6 >= most)
    return [step * i for i in range(int(most / step) + 2)]


def chart(title, x_label, y_label, series, logarithmic=False):
    """`series`: {name: [(x, y), ...]}. Returns the text of an SVG file."""
    points = [point for line in series.values() for point in line]
    place = (lambda x: math.log2(max(x, 1))) if logarithmic else float
    xs = sorted({x for x, _ in points})
    low, high = place(xs[0]), place(xs[-1])
    steps = _steps(max(y for _, y in points))

    def at(x, y):
        return (LEFT + (place(x) - low) / ((high - low) or 1) * (WIDTH - LEFT - RIGHT),
                HEIGHT - BOTTOM - y / steps[-1] * (HEIGHT - TOP - BOTTOM))

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
           'font-family="sans-serif" font-size="12">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
           f'<text x="{LEFT}" y="18" font-size="14">{title}</text>']
    for y in steps:
        _, v = at(xs[0], y)
        out.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{v:.1f}" y2="{v:.1f}" '
                   'stroke="#dddddd"/>')
        out.append(f'<text x="{LEFT - 6}" y="{v + 4:.1f}" text-anchor="end">{y:g}</text>')
    for x in xs:
        u, v = at(x, 0)
        out.append(f'<text x="{u:.1f}" y="{v + 16:.1f}" text-anchor="middle">{x:,}</text>')
    out.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 12}" '
               f'text-anchor="middle">{x_label}</text>')
    out.append(f'<text transform="translate(16 {(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" '
               f'text-anchor="middle">{y_label}</text>')
    for i, (name, line) in enumerate(series.items()):
        colour = COLOURS[i % len(COLOURS)]
        path = " ".join(f"{u:.1f},{v:.1f}" for u, v in (at(x, y) for x, y in sorted(line)))
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out.append(f'<text x="{WIDTH - RIGHT + 8}" y="{TOP + 14 + 18 * i}" '
                   f'fill="{colour}">{name}</text>')
    out.append("</svg>")
    return "\n".join(out) + "\n"
