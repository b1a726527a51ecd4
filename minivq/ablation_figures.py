"""What the study of f shows: its table, its samples row by row, and what grows or falls with f. Floor 4."""
import math
from pathlib import Path

import numpy as np

from minivq import plot

ROW = 8                                 # samples that stand in a row


def draw_figures(out: Path, rows: dict[str, dict], result: Path | None) -> None:
    """samples.png and curves.png in the study's folder, of every f that is there.

    result: where the result is written, too; the first samples of each f are then kept beside it, as f1, f2, …
    """
    first = {f: np.load(out / f"f{f}" / "samples-0" / "0.npz")["pixels"][:3 * ROW] for f in rows}
    plot.save(out / "samples.png", sample_rows({f: pixels[:ROW] for f, pixels in first.items()}, rows))
    plot.save(out / "curves.png", curves(rows))
    if result is not None:
        result.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(result.with_name(result.stem + "-samples.npz"), **{f"f{f}": x for f, x in first.items()})


def sample_rows(pixels: dict[str, np.ndarray], rows: dict[str, dict]) -> np.ndarray:
    """f -> (N, H, W, C) uint8: a row for each f, with what the window sees and how fast it was, as in the paper."""
    slowest = max(row["plain"]["mean"] for row in rows.values())
    size = next(iter(pixels.values())).shape[1]
    with plot.figure(width=11, height=1.45 * len(pixels) + 0.2, rows=len(pixels)) as (fig, axes):
        for ax, (f, pictures) in zip(np.atleast_1d(axes), pixels.items(), strict=True):
            row = rows[f]
            sheet = plot.grid(pictures, len(pictures), max(1, 128 // size))
            ax.imshow(np.asarray(sheet), interpolation="antialiased")
            ax.grid(False), ax.spines[:].set_visible(False)
            ax.set(xticks=[], yticks=[])
            ax.set_ylabel(f"f = {f}\nsees {row['share_seen']:.0%}\n{slowest / row['plain']['mean']:.1f} times as fast",
                          rotation=0, ha="right", va="center", labelpad=10)
        return plot.rendered(fig)


def curves(rows: dict[str, dict]) -> np.ndarray:
    """Reconstruction, likelihood, coherence and seconds over f -> (H, W, 3) uint8."""
    x = [int(f) for f in rows]
    with plot.figure(columns=4, width=13.5, height=3.4) as (fig, (first, second, third, fourth)):
        first.plot(x, [row["stage"]["psnr"] for row in rows.values()], "o-")
        first.set(title="Reconstructions", ylabel="PSNR in dB")
        bars(second, x, rows, "bits_per_pixel", "what the prior pays")
        second.plot(x, [row["bits_per_pixel_of_codes"] for row in rows.values()], "s--", label="all codes alike")
        second.set(title="Likelihood", ylabel="bits per pixel", yscale="log"), second.legend()
        if all("consistency" in row for row in rows.values()):
            bars(third, x, rows, "consistency", "samples")
            third.plot(x, [row["stage"]["consistency"] for row in rows.values()], "s--", label="reconstructions")
            third.legend()
            third.set(title="Coherence", ylabel="consistency")
        elif all("looks" in row for row in rows.values()):
            bars(third, x, rows, "looks", "samples")
            third.plot(x, [row["stage"]["looks"] for row in rows.values()], "s--", label="reconstructions")
            third.set(title="Looks, as a set", ylabel="Fréchet distance"), third.legend()
        bars(fourth, x, rows, "plain", "plain loop")
        fourth.plot(x, [rows[str(x[0])]["plain"]["mean"] * (x[0] / f)**2 for f in x], ":", label="1 / f²")
        bars(fourth, x, rows, "fast", "sliding, with its schedule", "s--")
        fourth.set(title="Sampling", ylabel="seconds per picture", yscale="log"), fourth.legend()
        for ax in (first, second, third, fourth):
            ax.set(xlabel="f", xscale="log")
            ax.set_xticks(x, [str(f) for f in x]), ax.minorticks_off()
        return plot.rendered(fig)


def bars(ax, x: list[int], rows: dict[str, dict], name: str, label: str, style: str = "o-") -> None:
    """The means of a score over f, with their standard errors."""
    ax.errorbar(x, [row[name]["mean"] for row in rows.values()], [row[name]["error"] or 0 for row in rows.values()],
                fmt=style, capsize=3, label=label)


def table(rows: dict[str, dict]) -> str:
    """The rows as lines of text."""
    lines = [f"{'f':>3}{'tokens':>8}{'seen':>7}{'PSNR':>8}{'cons. rec.':>12}{'cons. samples':>18}{'FFD 256':>9}"
             f"{'nats/token':>12}{'bits/px':>9}{'plain':>9}{'fast':>9}"]
    for f, row in rows.items():
        whole = "consistency" in row
        both = f"{row['consistency']['mean']:.3f}" if whole else "-"
        if whole and row["consistency"]["error"] is not None:
            both += f" ± {row['consistency']['error']:.3f}"
        lines.append(f"{f:>3}{row['tokens']:>8}{row['share_seen']:>7.1%}{row['stage']['psnr']:>8.2f}"
                     f"{row['stage'].get('consistency', math.nan):>12.3f}{both:>18}"
                     f"{row['ffd_256']['mean'] if whole else math.nan:>9.0f}{row['nats_per_token']['mean']:>12.3f}"
                     f"{row['bits_per_pixel']['mean']:>9.3f}{row['plain']['mean']:>8.2f}s{row['fast']['mean']:>8.3f}s")
    return "\n".join(lines)
