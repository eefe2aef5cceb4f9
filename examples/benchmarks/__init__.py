"""The contestants of `examples/benchmark.py`, one file each, and the worker process that runs one of them.

`CONTESTANTS` is the only list of them, by what they compete in: to enter another library, write its file beside these
and add a line.
This module imports nothing, so that the command's help is instant.
"""

# name in the table -> (module here, its class, the class' options)
_VECTORS = {
    "limit": ("limit_keras", "LimitKeras", {}),
    "limit-xla": ("limit_keras", "LimitKeras", {"jit_compile": True}),
    "limit-torch": ("limit_torch", "LimitTorch", {}),
    "limit-jax": ("limit_jax", "LimitJax", {}),
    "ours": ("ours", "Ours", {}),
    "ours-xla": ("ours", "Ours", {"jit_compile": True}),
    "tfp": ("tfp", "TFP", {}),
    "tfp-xla": ("tfp", "TFP", {"jit_compile": True}),
    "bayesflow": ("bayesflow", "BayesFlow", {}),
    "zuko": ("zuko", "Zuko", {}),
    "nflows": ("nflows", "NFlows", {}),
    "normflows": ("normflows", "NormFlows", {}),
    "flowjax": ("flowjax", "FlowJAX", {}),
}
_IMAGES = {
    "limit": ("glow_limit", "GlowLimit", {}),
    "limit-xla": ("glow_limit", "GlowLimit", {"jit_compile": True}),
    "ours": ("glow_ours", "GlowOurs", {}),
    "ours-xla": ("glow_ours", "GlowOurs", {"jit_compile": True}),
    "normflows": ("glow_normflows", "GlowNormFlows", {}),
}
_AUTOREGRESSIVE = {
    "limit": ("limit_keras", "LimitKeras", {}),
    "limit-xla": ("limit_keras", "LimitKeras", {"jit_compile": True}),
    "ours": ("maf_ours", "MafOurs", {}),
    "ours-xla": ("maf_ours", "MafOurs", {"jit_compile": True}),
    "tfp": ("maf_tfp", "MafTFP", {}),
    "tfp-xla": ("maf_tfp", "MafTFP", {"jit_compile": True}),
    "zuko": ("maf_zuko", "MafZuko", {}),
    "nflows": ("maf_nflows", "MafNFlows", {}),
    "flowjax": ("maf_flowjax", "MafFlowJAX", {}),
}
_SPLINES = {
    "limit": ("limit_keras", "LimitKeras", {}),
    "limit-xla": ("limit_keras", "LimitKeras", {"jit_compile": True}),
    "limit-torch": ("limit_torch", "LimitTorch", {}),
    "limit-jax": ("limit_jax", "LimitJax", {}),
    "ours": ("nsf_ours", "NsfOurs", {}),
    "ours-xla": ("nsf_ours", "NsfOurs", {"jit_compile": True}),
    "bayesflow": ("nsf_bayesflow", "NsfBayesFlow", {}),
    "zuko": ("nsf_zuko", "NsfZuko", {}),
    "nflows": ("nsf_nflows", "NsfNFlows", {}),
    "flowjax": ("nsf_flowjax", "NsfFlowJAX", {}),
}
_CONTINUOUS = {
    "limit": ("cnf_limit", "CnfLimit", {}),
    "ours": ("cnf_ours", "CnfOurs", {}),
    "ours-xla": ("cnf_ours", "CnfOurs", {"jit_compile": True}),
    "ours-adjoint": ("cnf_ours", "CnfOurs", {"training_steps": None}),
    "tfp": ("cnf_tfp", "CnfTFP", {}),
    "zuko": ("cnf_zuko", "CnfZuko", {}),
}
# system -> its contestants
CONTESTANTS = {"realnvp": _VECTORS, "glow": _IMAGES, "maf": _AUTOREGRESSIVE, "nsf": _SPLINES, "cnf": _CONTINUOUS}
WARM_STEPS = 2  # run before every measurement and not measured: caches and thread pools come back
TASKS = ("train", "log_prob", "sample")
OPTIMIZERS = ("adam", "adam-built", "fused", "sgd")  # how `--first-step` may start a Keras contestant
