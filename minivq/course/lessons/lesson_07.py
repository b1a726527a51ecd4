"""Exercises of lesson 07, vqgan: how loud the critic may be, from when on, and what a log says about it."""

import math

import torch
import torch.nn.functional as F

from minivq.autoencoder import VQVAE, VQVAEConfig
from minivq.course.exercises import Exercise, Option, wrong_form
from minivq.discriminator import PatchDiscriminator
from minivq.losses import adaptive_weight, generator
from minivq.training_gan import GANConfig


def both_gradients(painter, pixels, features, gan):
    """Losses of one graph, scalars -> the gradients of pixels + features and of gan at the painter's last weight."""
    return tuple(torch.autograd.grad(loss, painter.last_weight, retain_graph=True)[0]
                 for loss in (pixels + features, gan))


def critic_learns(step, config):
    """step, GANConfig -> bool: as the package has it, a method there."""
    return config.critic_learns(step)


def volume(step, config):
    """step, GANConfig -> float in [0, 1]: as the package has it, a method there."""
    return config.volume(step)


def check_weight(pair):
    """(both_gradients, adaptive_weight): the two gradients of a small painter, and λ of given ones."""
    if not _is_pair(pair):
        return "wanted the pair of functions: (both_gradients, adaptive_weight)"
    return _gradients(pair[0]) or _weight(pair[1])


def _is_pair(pair):
    return isinstance(pair, tuple) and len(pair) == 2 and all(callable(part) for part in pair)


def _scene():
    """A small painter and a small critic, and three losses of one graph: pixels, features, gan."""
    torch.manual_seed(0)
    shape = VQVAEConfig(widths=(8, 16), decoder_blocks=1, z_channels=8, d=4, K=8, groups=4, quantizer="vq")
    painter, critic = VQVAE(shape).double(), PatchDiscriminator(3, width=8, layers=1, groups=4).double()
    x = torch.rand(2, 3, 16, 16, dtype=torch.float64) * 2 - 1
    x_rec = painter(x).x_rec
    features = 3 * (F.avg_pool2d(x_rec, 4) - F.avg_pool2d(x, 4)).square().mean()
    return painter, critic, (x_rec - x).abs().mean(), features, generator(critic(x_rec))


def _gradients(function):
    painter, critic, pixels, features, gan = _scene()
    got = function(painter, pixels, features, gan)
    if not isinstance(got, (tuple, list)) or len(got) != 2 or not all(isinstance(g, torch.Tensor) for g in got):
        return ("wanted two tensors: the gradient of what reconstructs, and that of the critic's voice. (autograd.grad "
                "gives a tuple, one entry for each weight: take the entry out)")
    if any(p.grad is not None for net in (painter, critic) for p in net.parameters()):
        return ("it leaves gradients in .grad of the nets: backward() adds up there. Ask for a gradient by name, with "
                "torch.autograd.grad")
    try:
        wanted = both_gradients(painter, pixels, features, gan)
        (pixels + features + gan).backward(retain_graph=True)
    except RuntimeError:
        return "the graph is used up: the painter still has to go back along it, so keep it, retain_graph=True"
    weight = painter.last_weight
    for place, (name, gradient, right) in enumerate(zip(("first", "second"), got, wanted, strict=True)):
        if gradient.shape != weight.shape:
            where = next((n for n, p in painter.named_parameters() if p.shape == gradient.shape), "")
            return (f"the {name} gradient has shape {tuple(gradient.shape)}" + (f", as {where} has" if where else "") +
                    ": wanted is the one at the decoder's last weight, painter.last_weight. At the input or at the "
                    "first layer the gradients have gone through the whole painter, and their ratio is another one")
        if torch.allclose(gradient, right, rtol=1e-6, atol=1e-12):
            continue
        at = lambda loss: torch.autograd.grad(loss, weight, retain_graph=True)[0]               # noqa: E731
        reasons = {
            "the features are left out: what reconstructs is pixels and the perceptual term": pixels,
            "the pixels are left out: pixels and features both ask for the original": features,
            "the order is turned round: first what reconstructs, then the critic's voice":
                gan if place == 0 else pixels + features,
            "the sign is turned round: gan is what the painter makes small already": -gan,
        }
        for message, loss in reasons.items():
            if torch.allclose(gradient, at(loss), rtol=1e-6, atol=1e-12):
                return message
        return f"the {name} gradient has the right shape and other values than the one of its loss"
    return None


def _weight(function):
    rec, gan = (torch.randn(3, 8, 3, 3, dtype=torch.float64, requires_grad=True) for _ in range(2))
    a, b = 2 * rec.detach(), 0.02 * gan.detach()
    got = function(2 * rec, 0.02 * gan)                             # as autograd gives them with create_graph
    if isinstance(got, torch.Tensor) and got.shape == a.shape:
        return "it gives a number for each entry: one λ for the whole painter, so first the length of each gradient"
    form = wrong_form(got, a.new_zeros(()), "λ")
    if form:
        return form
    rec_length, gan_length = a.norm().item(), b.norm().item()
    rows = {
        "the ratio is upside down: a critic with a short gradient becomes even quieter. λ is to make the critic's "
        "gradient as long as the reconstruction's": gan_length / (rec_length + 1e-4),
        "lengths are squared: a critic at half the strength would get four times the weight, not twice":
            rec_length**2 / (gan_length**2 + 1e-4),
        "loudness is in it already: λ makes both equally strong, how much of that the critic gets is set outside":
            GANConfig.loudness * rec_length / (gan_length + 1e-4),
        "it compares mean absolute entries: wanted is the length, the root of the sum of squares":
            (a.abs().mean() / (b.abs().mean() + 1e-4)).item(),
    }
    for message, value in rows.items():
        if math.isclose(got.item(), value, rel_tol=1e-6):
            return message
    edges, right = _edges(function, a, b), adaptive_weight(a, b).item()
    if edges:
        return edges
    if not math.isclose(got.item(), right, rel_tol=1e-9):
        return f"for lengths of {rec_length:.3f} and {gan_length:.3f} it gives {got.item():.4f}, not {right:.4f}"
    if got.requires_grad:
        return ("λ is not detached: the painter would get a gradient through it, and could lower its loss by changing "
                "the lengths of gradients instead of its pictures")
    return None


def _edges(function, a, b):
    """Where one gradient is nothing, or nearly: None, or a sentence."""
    silent = torch.zeros_like(b)
    if not torch.isfinite(function(silent, silent)):
        return "nan where both gradients are nothing: 0 / 0. Add 1e-4 to the length below the line"
    most = function(a, silent, 100.0).item()
    if most > 100.0:
        return f"there is no cap: a silent critic gets a weight of {most:.3g} where cap=100 was asked for"
    if function(a, b, 100.0).item() > 99.9 or not math.isclose(most, 100.0):
        return "the cap is the most that λ may be: below it λ is the ratio, above it the cap itself"
    tiny = b / b.norm() * 1e-2
    wanted, got = adaptive_weight(a, tiny).item(), function(a, tiny).item()
    if not math.isclose(wanted, got, rel_tol=1e-6):
        return f"with a length of 0.01 below the line it gives {got:.1f}, wanted {wanted:.1f}: 1e-4 is added there"
    return None


CONFIG = GANConfig(steps=100, critic_from=0.07, heard_from=0.29, loud_from=0.57)
FIRST, HEARD, LOUD = 7, 29, 57


def check_schedule(pair):
    """(critic_learns, volume): every step of a run, and the edges."""
    if not _is_pair(pair):
        return "wanted the pair of functions: (critic_learns, volume)"
    return _learns(pair[0]) or _volume(pair[1])


def _learns(function):
    steps = range(CONFIG.steps)
    got = [bool(function(step, CONFIG)) for step in steps]
    rows = {
        "the critic learns from the first step on, whatever critic_from says": lambda s: True,
        "critic_from is taken for a step: it is a share of all steps": lambda s: s >= CONFIG.critic_from,
        "the critic begins to learn only when it is heard: that leaves it no warm-up": lambda s: s >= HEARD,
        "the critic begins one step late": lambda s: s > FIRST,
        "the critic stops learning as soon as it is heard: it would no longer see what the painter does":
            lambda s: FIRST <= s < HEARD,
    }
    message = next((text for text, wrong in rows.items() if got == [wrong(step) for step in steps]), None)
    if message or got == [step >= FIRST for step in steps]:
        return message
    return f"of {CONFIG.steps} steps with critic_from={CONFIG.critic_from}, the critic should learn from {FIRST} on"


def _volume(function):
    steps = range(CONFIG.steps)
    got = [float(function(step, CONFIG)) for step in steps]
    ramp = lambda s, first, full: min(1.0, max(0.0, (s - first + 1) / (full - first + 1)))      # noqa: E731
    rows = {
        "there is no ramp: at heard_from the critic is at full volume at once": lambda s: float(s >= HEARD),
        "there is no ramp: nothing is heard before loud_from": lambda s: float(s >= LOUD),
        "the shares are taken for steps: multiply them by the number of steps, and round":
            lambda s: ramp(s, CONFIG.heard_from, CONFIG.loud_from) if s >= CONFIG.heard_from else 0.0,
        "the ramp begins at step 0: before heard_from the painter hears nothing": lambda s: ramp(s, 0, LOUD),
        "the ramp begins at critic_from: from there the critic learns, heard it is from heard_from on":
            lambda s: ramp(s, FIRST, LOUD),
        "it goes on growing behind loud_from: 1 is the most": lambda s: max(0.0, (s - HEARD + 1) / (LOUD - HEARD + 1)),
        "at the first step of the ramp the volume is still 0: count that step, so that it begins a little above":
            lambda s: min(1.0, max(0.0, (s - HEARD) / (LOUD - HEARD))),
        "it is at full volume one step early: between heard_from and loud_from it stays below 1":
            lambda s: min(1.0, max(0.0, (s - HEARD + 1) / (LOUD - HEARD))),
        "it falls: the critic is loud first and silent in the end": lambda s: 1 - CONFIG.volume(s),
        "the shares are cut off to whole steps by int(): 0.29 * 100 is a little less than 29. Round":
            lambda s: ramp(s, int(CONFIG.heard_from * 100), int(CONFIG.loud_from * 100)),
    }
    for message, wrong in rows.items():
        if all(math.isclose(value, wrong(step), abs_tol=1e-6) for step, value in zip(steps, got, strict=True)):
            return message
    for step, value in zip(steps, got, strict=True):
        if not math.isclose(value, CONFIG.volume(step), abs_tol=1e-6):
            return (f"heard from step {HEARD}, loud from step {LOUD}: at step {step} it gives {value:.4f}, wanted "
                    f"{CONFIG.volume(step):.4f}")
    at_once = GANConfig(steps=10, critic_from=0.0, heard_from=0.5, loud_from=0.5)
    if [float(function(step, at_once)) for step in range(10)] != [at_once.volume(step) for step in range(10)]:
        return "where heard_from and loud_from are the same, the critic is at full volume from there on at once"
    return None


STATES, CAUSES = ("asleep", "winning", "healthy"), ("fine", "rates", "one optimiser", "frozen")
LOGS = {"A": ("winning", "rates"), "B": ("asleep", "one optimiser"), "C": ("healthy", "fine")}
MISREAD = {
    "A healthy": "log A is called healthy: its critic pays next to nothing because it is right about everything, and "
                 "what it says no longer helps. PSNR does not move either: nobody learns from anybody",
    "A asleep": "the critic of log A asleep? It tells real from redrawn ever better: compare the first two columns",
    "B healthy": "log B is called healthy. The painter's loss falls and falls, but see what it is made of: the logits "
                 "of real pictures rise just as far. So no picture improved; the critic praises everything",
    "B winning": "the critic of log B winning? It pays more than one that says 0 to everything: compare the first two "
                 "columns, row by row",
    "C asleep": "the critic of log C asleep? In every row the real pictures stand above the redrawn ones. That the gap "
                "narrows while the critic learns on is the painter's doing",
    "C winning": "the critic of log C winning? Its logits lie well inside -1 and 1, and the gap narrows",
    "A one optimiser": "log A: with both nets in one optimiser, the critic would be drawn to praise; this one blames",
    "A frozen": "log A: a frozen critic would not get better at its work; this one does",
    "B rates": "log B: what drives the logits of real *and* redrawn pictures up, from the step on at which the painter "
               "speaks? The critic must be stepping down the painter's loss, so whose parameters does it hold?",
    "B frozen": "log B: a frozen critic's logits would stay where they were; these climb",
}


def check_logs(answer):
    """{"A": (state, cause), ...}: what the three logs say."""
    if not isinstance(answer, dict) or sorted(answer) != sorted(LOGS):
        return 'wanted a dict with the keys "A", "B" and "C"'
    for log, said in answer.items():
        if not isinstance(said, (tuple, list)) or len(said) != 2 or said[0] not in STATES or said[1] not in CAUSES:
            return f"log {log}: wanted a pair of a state ({', '.join(STATES)}) and a cause ({', '.join(CAUSES)})"
    for place in (0, 1):                                            # first the states, then the causes
        for log, said in sorted(answer.items()):
            if said[place] == LOGS[log][place]:
                continue
            if log != "C" and said[place] == "fine":
                return f"log {log}: {said[0]}, and yet nothing to mend? In this run one thing is wrong"
            return MISREAD.get(f"{log} {said[place]}",
                               f"log {log}: this game goes as it should, what would {said[place]!r} be seen by?")
    return None


EXERCISES = (
    Exercise(
        "7.1", "predict", "PSNR, up or down?", difficulty=1, minutes=3, points=1,
        options={
            "a": Option("it rose, by more than 1 dB: better pictures are nearer to the originals", None,
                        "Better to the eye is not nearer in pixels: a sharp strand of hair, half a pixel off, costs "
                        "more squared error than a smear. More training helps, but not that much."),
            "b": Option("it fell, by more than 1 dB: in doubt, the average is the best answer by squared error", None,
                        "Whoever stops answering with the average pays for it, that is true, and a painter with as "
                        "much training in pixels alone is ahead. But this one had more training than its start."),
            "c": Option("it stayed within 1 dB: more training helps, giving up the average costs", None,
                        "Which of the two is stronger in the end depends on how long the training is.", right=True),
        }),
    Exercise(
        "7.2", "complete", "How loud?", difficulty=2, minutes=12, points=4,
        check=check_weight, package=lambda: (both_gradients, adaptive_weight),
        hints=("torch.autograd.grad(loss, weight, retain_graph=True) gives a tuple with the gradient at this one "
               "weight, and leaves the rest alone. Which weight, and which two losses?",
               "The losses are pixels + features, and gan; the weight is painter.last_weight. λ is the length (norm) "
               "of the first gradient over the length of the second plus 1e-4.",
               "(rec_gradient.norm() / (gan_gradient.norm() + 1e-4)).clamp(0, cap).detach()")),
    Exercise(
        "7.3", "complete", "From when on?", difficulty=2, minutes=10, points=3,
        check=check_schedule, package=lambda: (critic_learns, volume),
        hints=("First turn the shares into steps: round(share * config.steps). Then compare the step with them.",
               "Three cases for the volume: before it is heard, from the step on at which it is loud, and in between. "
               "If both are the same step, there is no in between.",
               "In between: (step - first + 1) / (full - first + 1). So it begins above 0 and ends below 1.")),
    Exercise(
        "7.4", "debug", "Three logs", difficulty=2, minutes=12, points=3, check=check_logs,
        hints=("Begin with the gap, real minus redrawn, in each row. Then compare the critic's loss with 1: what does "
               "a clueless one pay?",
               "The painter's loss is the negative of the second column, nothing else. It can fall for two reasons: "
               "better pictures, or a critic that says higher numbers of everything.",
               "In one log the logits climb together; in one the critic pays next to nothing; in one the gap opens and "
               "the painter narrows it.")),
    Exercise("7.5", "explore", "Louder and louder", difficulty=2, minutes=15, points=3),
)
