"""Which lesson builds which name of the method. A test compares it with the modules and with the notebooks.

Plumbing (worlds, datasets, plot, files, distributed, command line) is imported and never rebuilt: not here.
"""

LESSON_OF = {
    "layers.group_norm": "02",
    "layers.ResBlock": "02",
    "layers.Downsample": "02",
    "layers.Upsample": "02",
    "layers.Attention2d": "10",
    "metrics.psnr": "01",
    "metrics.bits_per_pixel": "01",
    "metrics.perplexity": "04",
    "metrics.usage": "04",
    "metrics.frechet": "08",
    "metrics.consistency": "08",
    "metrics.sharpness": "08",
    "quantize.nearest": "01",
    "quantize.lookup": "01",
    "quantize.kmeans": "01",
    "quantize.Quantized": "03",
    "quantize.straight_through": "03",
    "quantize.VectorQuantizer": "03",
    "quantize.EMAQuantizer": "04",
    "quantize.FSQ": "04",
    "autoencoder.VQVAEConfig": "02",
    "autoencoder.Encoder": "02",
    "autoencoder.Decoder": "02",
    "autoencoder.Reconstruction": "03",
    "autoencoder.VQVAE": "03",
    "perceptual.feature_distance": "05",
    "perceptual.MiniConfig": "05",
    "perceptual.MiniFeatures": "05",
    "perceptual.Perceptual": "05",
    "training.vqvae_step": "03",
    "discriminator.receptive_field": "06",
    "discriminator.PatchDiscriminator": "06",
    "losses.hinge_d": "06",
    "losses.vanilla_d": "06",
    "losses.generator": "06",
    "losses.adaptive_weight": "07",
    "training_gan.vqgan_step": "07",
    "sentences.simple_models": "09",
    "training_prior.prior_loss": "09",
    "pixelcnn.gate": "09",
    "pixelcnn.GatedLayer": "09",
    "pixelcnn.PixelCNNConfig": "09",
    "pixelcnn.PixelCNN": "09",
    "transformer.Cache": "11",
    "sampling.SampleConfig": "11",
    "sampling.probabilities": "11",
    "sampling.draw": "11",
    "sampling.sample": "11",
    "sampling.best": "12",
    "windows.corner": "13",
    "windows.coordinates": "13",
    "windows.Window": "13",
    "windows.schedule": "13",
    "sentences.Windows": "13",
    "sampling.sample_sliding": "13",
}

# The modules of which every public name stands in the table.
METHOD = ("layers", "metrics", "quantize", "perceptual", "autoencoder", "discriminator", "losses", "pixelcnn",
          "windows", "sampling")

# Public names in them that are helpers: plumbing, or a piece that the lesson's part holds within itself.
HELPERS = (
    "layers.count_parameters",
    "metrics.to_levels",
    "metrics.counts",
    "metrics.gradient_energy",
    "metrics.period_energy",
    "metrics.mean_iou",
    "quantize.statistics",
    "perceptual.unit",
    "perceptual.mini",
    "perceptual.lpips",
    "autoencoder.Level",
    "autoencoder.middle",
    "autoencoder.make_quantizer",
    "autoencoder.reconstruct",
    "pixelcnn.CausalAttention",
    "sampling.begin",
    "sampling.onward",
    "sampling.guided",
    "sampling.Painting",
    "sampling.paint",
    "sampling.steps",
    "sampling.started",
    "windows.Stretch",
    "windows.coordinate_count",
)

# Records and one-liners: a lesson shows them, there is nothing in them to compare in its Check table.
RECORDS = ("layers.group_norm", "quantize.Quantized", "perceptual.MiniConfig", "autoencoder.VQVAEConfig",
           "autoencoder.Reconstruction", "pixelcnn.PixelCNNConfig", "sampling.SampleConfig",
           "windows.Window")


def path_of(name):
    """"nearest" -> "minivq.quantize.nearest", "" where the table does not know the name."""
    return next((f"minivq.{path}" for path in LESSON_OF if path.split(".")[1] == name), "")
