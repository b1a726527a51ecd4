"""Break the method in forty ways, one at a time, and see which breaks no test notices: `python tests/mutate.py`.

Each mutation is a line of the method, what it becomes, and the tests that should go red. It runs on a copy of the
repository in a temporary folder, prints a line for each, and ends with 1 where more than one survives.
"""
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MUTATIONS = [
    # file, what stands there, what it becomes, the tests
    ("quantize", "torch.addmm(norms, part, codebook.T, alpha=-2)", "torch.addmm(norms, part, codebook.T, alpha=2)",
     "quantize"),
    ("quantize", "return z_e + (z_q - z_e).detach()", "return z_q + (z_e - z_q).detach()", "quantize"),
    ("quantize", "return z_e + (z_q - z_e).detach()", "return z_q", "quantize"),
    ("quantize", "codebook_term = (z_e.detach() - codes)", "codebook_term = (z_e - codes.detach())", "quantize"),
    ("quantize", "loss = codebook_term + self.beta * commitment_term", "loss = self.beta * codebook_term + "
     "commitment_term", "quantize"),
    ("quantize", "return self.sums / self.counts[:, None]", "return self.sums", "quantize"),
    ("quantize", ".add_((1 - self.decay) * number)", ".add_(self.decay * number)", "quantize"),
    ("quantize", "            if self.training:\n", "            if True:\n", "quantize"),
    ("quantize", "self.counts[dead] = 1.0", "pass", "quantize"),
    ("quantize", "half = (L - 1) * (1 + 1e-3) / 2", "half = L * (1 + 1e-3) / 2", "quantize"),
    ("losses", "F.relu(1 - real).mean() + F.relu(1 + fake).mean()", "F.relu(1 + real).mean() + F.relu(1 - fake).mean()",
     "losses"),
    ("losses", "F.softplus(-real)", "F.softplus(real)", "losses"),
    ("losses", "return -fake.mean()", "return fake.mean()", "losses"),
    ("losses", "torch.linalg.vector_norm(rec) / (torch.linalg.vector_norm(gan) + 1e-4)",
     "torch.linalg.vector_norm(gan) / (torch.linalg.vector_norm(rec) + 1e-4)", "losses"),
    ("losses", ".clamp(0, cap)", "", "losses"),
    ("layers", "F.pad(x, (0, 1, 0, 1))", "F.pad(x, (1, 0, 1, 0))", "autoencoder"),
    ("layers", "scale=1 / math.sqrt(C)", "scale=1.0", "autoencoder"),
    ("layers", "eps=1e-6", "eps=1e-2", "autoencoder import"),
    ("layers", "return self.shortcut(x) + h", "return h", "autoencoder"),
    ("metrics", "10 * torch.log10(255**2 / mse.clamp_min(1e-12))", "10 * torch.log10(2**2 / mse.clamp_min(1e-12))",
     "metrics"),
    ("metrics", "return math.log2(K) / factor**2", "return math.log2(K) / factor", "metrics"),
    ("metrics", "counted = (left > 0) | (right > 0)", "counted = (left > 0) & (right > 0)", "metrics"),
    ("perceptual", ".square().sum(1).mean((1, 2))", ".square().mean((1, 2, 3))", "perceptual"),
    ("perceptual", "return super().train(False)", "return super().train(mode)", "perceptual"),
    ("discriminator", "group_norm(widths[i], groups)", "nn.BatchNorm2d(widths[i])", "losses training_gan"),
    ("training_gan", "gradient = rec_gradient + volume * voice", "gradient = rec_gradient - volume * voice",
     "training_gan"),
    ("training_gan", "return step >= round(self.critic_from * self.steps)", "return True", "training_gan"),
    ("training", "start_codebook(model, (batch(step + i)", "model.quantizer.start(torch.randn(model.config.K, "
     "model.config.d)) or (lambda *_: None)(model, (batch(step + i)", "training"),
    ("transformer", "is_causal=t > 1", "is_causal=False", "priors"),
    ("transformer", "self.conditions(cond) + self.cond_positions", "self.codes(cond) + self.cond_positions",
     "priors reference_prior"),
    ("transformer", "self.codes(tokens) + self.positions[first:first + tokens.shape[1]]",
     "self.codes(tokens) + self.positions[:tokens.shape[1]]", "sampling reference_prior"),
    ("transformer", "return self.head(self.norm(h[:, -tokens.shape[1] - 1:]))",
     "return self.head(self.norm(h[:, -tokens.shape[1] - 1:].flip(1)))", "priors"),
    ("transformer", "cache.told[:, place + 1:place + 2]", "cache.told[:, place:place + 1]", "priors"),
    ("transformer", "told[:, :h.shape[1]]", "told.flip(1)[:, :h.shape[1]]", "priors sliding"),
    ("pixelcnn", "F.pad(left, (n, 0, 0, 0))", "F.pad(left, (n - 1, 1, 0, 0))", "priors"),
    ("pixelcnn", "value.tanh() * opening.sigmoid()", "value.sigmoid() * opening.tanh()", "priors"),
    ("training_prior", "tokens.flatten())\n", "seen.flatten())\n", "training_prior"),
    ("sampling", "logits = logits / config.temperature", "logits = logits * config.temperature", "sampling"),
    ("sampling", "before = falling.cumsum(-1) - falling", "before = falling.cumsum(-1)", "sampling"),
    ("sampling", "logits < least", "logits <= least", "sampling"),
    ("sampling", "right=True", "right=False", "sampling"),
    ("sampling", "told + config.guidance * (told - untold)", "untold + config.guidance * (told - untold)", "sampling"),
    ("sampling", "torch.where(keep[rows, place], tokens[rows, place], drawn)", "drawn", "sampling"),
    ("windows", "min(max(place - n // 2, 0), side - n)", "min(max(place - n // 2, 0), side - n + 1)", "sliding"),
    ("windows", "min(max(place - n // 2, 0), side - n)", "min(max(place - n // 2 + 1, 0), side - n)", "sliding"),
    ("windows", "done[i - 1][left + n - 1] + 1 if i else 0", "done[i - 1][j] + 1 if i else 0", "sliding"),
    ("windows", "torch.stack([rows, columns + grid[0] - n + 1], 1)", "torch.stack([rows, rows], 1)", "windows"),
    ("conditioning", "self.map_tokens(truth).flatten(1)", "self.map_tokens(truth).mT.flatten(1)", "conditioning"),
    ("conditioning", "clamp(0, self.levels - 1) + self.first(\"place\")", "clamp(0, self.levels - 1)", "conditioning"),
    ("conditioning", "shown, label, 2 + axis] = 1 -", "shown, label, 2 + axis] =", "conditioning"),
]


def main() -> int:
    """Run all mutations, or those whose file is named on the command line; 1 where more than one survives."""
    asked, survivors = set(sys.argv[1:]), []
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "minivq"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".git", ".venv", "runs", "cache", "notebooks",
                                                                  "work"))
        environment = os.environ | {"PYTHONPATH": str(copy), "TQDM_DISABLE": "1",
                                    "MINIVQ_CACHE": str(ROOT / "data" / "cache")}
        for number, (module, old, new, tests) in enumerate(MUTATIONS, 1):
            if asked and module not in asked:
                continue
            path = copy / "minivq" / f"{module}.py"
            text = path.read_text(encoding="utf-8")
            if old not in text:
                print(f"{number:>3} {module}: {old!r} does not stand there any more: mend tests/mutate.py")
                return 1
            path.write_text(text.replace(old, new, 1), encoding="utf-8")
            files = [str(copy / "tests" / f"test_{name}.py") for name in tests.split()]
            done = subprocess.run([sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *files],
                                  cwd=copy, env=environment, capture_output=True, text=True)
            path.write_text(text, encoding="utf-8")
            if done.returncode == 0:
                survivors.append(number)
            print(f"{number:>3} {'SURVIVED' if done.returncode == 0 else 'noticed '} {module}: {old.strip()} -> "
                  f"{new.strip() or '(nothing)'}", flush=True)
    print(f"{len(survivors)} survived")
    return int(len(survivors) > 1)


if __name__ == "__main__":
    sys.exit(main())
