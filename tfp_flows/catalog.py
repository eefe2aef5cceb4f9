"""The named models, as plain text: what the command line lists and offers without importing TensorFlow."""

from tfp_flows.catalog_entry import DIFFUSIONS, ODE_SOLVERS, Entry, recipe


def _by_regression(on_the_plane: dict | None = None, **arguments) -> dict:
    """The recipe of a velocity or score that is learned by regression, with arguments of a model of few features."""
    # Sharp edges ask for depth, and for waves of the features.
    deep = {"hidden_units": [128] * 5, "num_octaves": 3, **arguments}
    return recipe(
        on_the_plane=on_the_plane,
        batch_size=500,
        learning_rate=1e-3,
        steps=20_000,
        upto_8=dict(batch_size=500, learning_rate=5e-3, steps=12_000, minutes=1.3, arguments=deep),
        upto_64=dict(batch_size=128, steps=8000, minutes=1.3),
    )


# On the plane.
_NARROW = dict(steps=10_000, arguments=dict(hidden_units=[64] * 4))
_MIXTURE = dict(arguments=dict(base="mixture_256"))

# Of MAF and IAF: the paper's batches; its rate is constant, this one falls by a cosine and may begin higher.
_AUTOREGRESSIVE = recipe(
    batch_size=100,
    learning_rate=1e-3,
    steps=20_000,
    upto_8=dict(
        batch_size=500,
        learning_rate=5e-3,
        steps=3000,
        minutes=1.3,
        arguments=dict(num_layers=3, hidden_units=[64, 64], transform="spline"),
    ),
    on_the_plane=_MIXTURE,
    upto_64=dict(steps=3000, minutes=1.3),
)

# Its code's AdamW; of MNIST it has the rate 2e-3. CIFAR-10's size wants patch_size=2 and channels=256.
_TARFLOW = recipe(
    batch_size=128, learning_rate=1e-3, steps=20_000, optimizer=dict(beta_2=0.95, weight_decay=1e-4),
    upto_8=dict(
        batch_size=500, learning_rate=5e-3, steps=2000, minutes=1.3, optimizer={},
        arguments=dict(channels=32, num_layers=2),
    ),
    on_the_plane=dict(arguments=dict(base="mixture_256", num_layers=1)),
    upto_64=dict(steps=2000, minutes=1.3, arguments=dict(channels=64, num_layers=2)),
)  # fmt: skip

# Section 4 and its code: Adam, beta_2 .95, weight decay 1e-5, 3e-4 falling by a cosine, in batches of 1024.
_JET = recipe(
    batch_size=128, learning_rate=1e-3, steps=20_000, optimizer=dict(beta_2=0.95, weight_decay=1e-5),
    upto_64=dict(steps=1500, minutes=1.3),
)  # fmt: skip

_GAUSSIANIZATION = recipe(
    batch_size=500, learning_rate=2e-3, steps=5000, on_the_plane=_MIXTURE,
    upto_8=dict(
        batch_size=500, learning_rate=5e-3, steps=2000, minutes=1.3, arguments=dict(num_layers=12, num_components=32),
    ),
    upto_64=dict(batch_size=500, steps=2000, minutes=1.3),
)  # fmt: skip

_PLANAR = dict(batch_size=500, learning_rate=5e-3, steps=2000, minutes=1.3, arguments=dict(num_layers=16))
_FEW_PLANAR = dict(batch_size=250, learning_rate=1e-2, steps=3200, arguments=dict(num_layers=4, base="mixture_512"))


MODELS = {
    "nice": Entry(
        home="tfp_flows.models.nice:NICE",
        paper="NICE: Non-linear Independent Components Estimation",
        year=2014,
        arxiv="1410.8516",
        summary="additive couplings over odd and even features, diagonal rescaling, logistic or Gaussian prior",
        # Section 5: Adam, learning rate 1e-3, momentum 0.9, epsilon 1e-4 and "beta_2 = 0.01", which in the notation of
        # Adam's first versions is 1 - beta_2: with 0.01 itself training diverges.
        recipe=recipe(
            batch_size=200,
            learning_rate=1e-3,
            steps=20_000,
            optimizer=dict(beta_2=0.99, epsilon=1e-4),
            upto_8=dict(
                batch_size=500,
                learning_rate=5e-3,
                steps=4000,
                minutes=1.3,
                # The paper's epsilon is for its thousands of units.
                optimizer={},
                arguments=dict(num_layers=16, hidden_units=[64, 64], prior="mixture"),
            ),
            on_the_plane=dict(arguments=dict(prior="mixture_512", num_layers=8)),
            upto_64=dict(steps=2500, minutes=1.3, arguments=dict(num_layers=6, hidden_units=[256, 256])),
        ),
    ),
    "realnvp": Entry(
        home="tfp_flows.models.realnvp:RealNVP",
        paper="Density estimation using Real NVP",
        year=2016,
        arxiv="1605.08803",
        summary="affine couplings with alternating masks, Gaussian prior; on images the multi-scale model",
        events=("vectors", "images"),
        recipe=recipe(
            batch_size=128,
            learning_rate=1e-3,
            steps=20_000,
            upto_8=dict(
                batch_size=256,
                learning_rate=5e-3,
                steps=3500,
                minutes=1.3,
                arguments=dict(num_layers=12, hidden_units=[64, 64], log_scale_bound=3.0),
            ),
            on_the_plane=_MIXTURE,
            upto_64=dict(steps=5000, minutes=1.3),
        ),
    ),
    "glow": Entry(
        home="tfp_flows.models.glow:Glow",
        paper="Glow: Generative Flow with Invertible 1x1 Convolutions",
        year=2018,
        arxiv="1807.03039",
        summary="images: squeeze, ActNorm, invertible 1x1 convolution, couplings (affine, additive, mixture, spline)",
        # Section 5 and appendix B: Adam with the default of its code, 1e-3, and batches of 16 to 64.
        recipe=recipe(batch_size=64, learning_rate=1e-3, steps=8000, upto_64=dict(steps=1000, minutes=1.3)),
        events=("images",),
    ),
    "flowpp": Entry(
        home="tfp_flows.models.flowpp:FlowPP",
        paper="Flow++: Improving Flow-Based Generative Models with Variational Dequantization and Architecture Design",
        year=2019,
        arxiv="1902.00275",
        summary="images: couplings by mixtures of logistics, networks with self-attention, learned dequantization",
        # Its code's: Adam, 3e-4 after 2,000 steps, batches of 64.
        recipe=recipe(
            batch_size=64,
            learning_rate=3e-4,
            steps=20_000,
            warmup_steps=2000,
            upto_64=dict(learning_rate=2e-3, steps=600, minutes=1.3, warmup_steps=100),
        ),
        events=("images",),
    ),
    "maf": Entry(
        home="tfp_flows.models.maf:MAF",
        paper="Masked Autoregressive Flow for Density Estimation",
        year=2017,
        arxiv="1705.07057",
        summary="autoregressive layers in alternating orders, one pass for a density, on vectors and images",
        events=("vectors", "images"),
        recipe=_AUTOREGRESSIVE,
        student="iaf",
    ),
    "iaf": Entry(
        home="tfp_flows.models.iaf:IAF",
        paper="Improving Variational Inference with Inverse Autoregressive Flow",
        year=2016,
        arxiv="1606.04934",
        summary="MAF the other way round, one pass for a sample, on vectors and images",
        events=("vectors", "images"),
        recipe=_AUTOREGRESSIVE,
    ),
    "nsf": Entry(
        home="tfp_flows.models.nsf:NSF",
        paper="Neural Spline Flows",
        year=2019,
        arxiv="1906.04032",
        summary="rational quadratic splines, in couplings or autoregressive, residual networks, LU maps between",
        # Section 5.1 and appendix B.1: Adam, 3e-4 to 5e-4 falling by a cosine, batches of 256 and 512.
        recipe=recipe(
            batch_size=256,
            learning_rate=1e-3,
            steps=20_000,
            upto_8=dict(
                batch_size=500,
                learning_rate=5e-3,
                steps=2500,
                minutes=1.3,
                arguments=dict(num_layers=4, hidden_units=[64, 64, 64]),
            ),
            on_the_plane=_MIXTURE,
            upto_64=dict(steps=3000, minutes=1.3, arguments=dict(num_layers=6, hidden_units=[128, 128, 128])),
        ),
    ),
    "tarflow": Entry(
        home="tfp_flows.models.tarflow:TarFlow",
        paper="Normalizing Flows are Capable Generative Models",
        year=2024,
        arxiv="2412.06329",
        summary="causal transformers over patches in alternating orders, one pass for a density, on images and vectors",
        events=("vectors", "images"),
        samplers=("autoregressive",),
        recipe=_TARFLOW,
    ),
    "jet": Entry(
        home="tfp_flows.models.jet:Jet",
        paper="Jet: A Modern Transformer-Based Normalizing Flow",
        year=2024,
        arxiv="2412.15129",
        summary="images: couplings of patches by vision transformers, one pass in both directions",
        events=("images",),
        recipe=_JET,
    ),
    "planar_flow": Entry(
        home="tfp_flows.models.planar_flow:PlanarFlow",
        paper="Variational Inference with Normalizing Flows",
        year=2015,
        arxiv="1505.05770",
        summary="planar, radial or Sylvester maps, made for variational inference: samples in one cheap pass",
        recipe=recipe(
            batch_size=500,
            learning_rate=2e-3,
            steps=10_000,
            upto_8=_PLANAR,
            on_the_plane=_FEW_PLANAR,
            upto_64=_PLANAR,
        ),
    ),
    "gaussianization": Entry(
        home="tfp_flows.models.gaussianization:Gaussianization",
        paper="Gaussianization Flows",
        year=2020,
        arxiv="2003.01941",
        summary="marginals to normal ones and rotations in turn, set from the data; trained, or finished with that",
        events=("vectors", "images"),
        recipe=_GAUSSIANIZATION,
    ),
    "wavenet": Entry(
        home="tfp_flows.models.wavenet:WaveNet",
        paper="WaveNet: A Generative Model for Raw Audio",
        year=2016,
        arxiv="1609.03499",
        summary="raw audio: causal dilated convolutions, a mixture of logistics for each sample",
        events=("audio",),
        recipe=dict(batch_size=8, learning_rate=2e-3, steps=2000, warmup_steps=50),
        student="parallel_wavenet",
    ),
    "parallel_wavenet": Entry(
        home="tfp_flows.models.parallel_wavenet:ParallelWaveNet",
        paper="Parallel WaveNet: Fast High-Fidelity Speech Synthesis",
        year=2017,
        arxiv="1711.10433",
        summary="raw audio in one pass, distilled from a wavenet (tfp-flows distill)",
        events=("audio",),
        recipe=dict(batch_size=8, learning_rate=1e-3, steps=800, warmup_steps=50),
        is_student=True,
    ),
    "cnf": Entry(
        home="tfp_flows.models.cnf:CNF",
        paper="Neural Ordinary Differential Equations; FFJORD",
        year=2018,
        arxiv="1810.01367",
        summary="a velocity field by maximum likelihood through its differential equation",
        events=("vectors", "images"),
        samplers=ODE_SOLVERS,
        recipe=recipe(
            batch_size=500,
            learning_rate=2e-3,
            steps=10_000,
            upto_8=dict(batch_size=500, learning_rate=5e-3, steps=2500, minutes=1.5),
            on_the_plane=dict(arguments=dict(base="mixture_256", training_steps=4, hidden_units=[32, 32])),
            upto_64=dict(batch_size=128, steps=2500, minutes=1.3),
        ),
    ),
    "flow_matching": Entry(
        home="tfp_flows.models.flow_matching:FlowMatching",
        paper="Flow Matching for Generative Modeling",
        year=2022,
        arxiv="2210.02747",
        summary="a velocity field by regression, likelihoods through its differential equation",
        events=("vectors", "images"),
        samplers=ODE_SOLVERS,
        recipe=_by_regression(on_the_plane=_NARROW),
    ),
    "score_sde": Entry(
        home="tfp_flows.models.score_sde:ScoreSDE",
        paper="Score-Based Generative Modeling through Stochastic Differential Equations",
        year=2020,
        arxiv="2011.13456",
        summary="noise predicted at every level of a diffusion (DDPM in continuous time), likelihoods by its ODE",
        events=("vectors", "images"),
        samplers=(*DIFFUSIONS, *ODE_SOLVERS),
        recipe=_by_regression(
            dict(arguments=dict(kind="variance_exploding", s_max=8.0)), times="likelihood", hidden_units=[64] * 4
        ),
    ),
    "ncsn": Entry(
        home="tfp_flows.models.ncsn:NCSN",
        paper="Generative Modeling by Estimating Gradients of the Data Distribution",
        year=2019,
        arxiv="1907.05600",
        summary="scores at geometric noise levels, samples by annealed Langevin dynamics",
        events=("vectors", "images"),
        samplers=("langevin", *DIFFUSIONS, *ODE_SOLVERS),
        recipe=_by_regression(),
    ),
}
