"""Which tests are `quick`: the core checks of every room, which together give an answer in under three minutes.

COMMAND   python -m pytest -m quick -n 2

By the beginnings of their names, so that a new test of a listed file is quick too. Of the generic checks of bijectors
those in float64 and without XLA, on one case of each kind.
"""

CASES = (
    "affine_half", "affine_arbitrary", "conv_checkerboard", "squeeze", "conv1x1_plu", "multiscale_learned_prior",
    "mixture_half", "spline_odd_even", "autoregressive", "autoregressive_image", "emerging_conv", "batch_norm",
    "actnorm", "random_permutation", "rescale", "logit", "sigmoid", "elementwise_affine", "nested_chain",
    "reversible_chain", "image_chain",
)  # fmt: skip
BIJECTORS = "tests/bijectors/test_bijectors.py::"
ROOMS = {
    "tests": [
        "test_checks",
        "test_masks",
        "test_levels",
        "test_quick",
        "test_readme.py::test_the_commands",
        "test_style",
    ],
    "bijectors": ["test_bijectors.py::test_bad", "test_coupling", "test_images", "test_piecewise_probit"],
    "bridge": [""],
    "commands": [
        "test_cli.py::test_help_imports",
        "test_cli.py::test_errors",
        "test_cli.py::test_train",
    ],
    "data": [
        "test_audio",
        "test_data_files",
        "test_titles",
        "test_wav",
        "test_labels",
        "test_pipeline.py::test_the_order",
        "test_pipeline.py::test_refusals",
    ],
    "dequantization": ["test_dequantization.py::TestBound", "test_dequantization_refusals"],
    "dynamics": ["test_divergence", "test_solve.py::test_a_tableau", "test_solve.py::test_what_cannot"],
    "examples": ["test_cifar10", "test_tabular", "test_notebooks.py::test_every", "test_notebooks.py::test_it_opens"],
    "flow": [
        "test_flow.py::test_fit_moves",
        "test_flow.py::test_keras_and_tfp",
        "test_flow.py::test_no_stale",
        "test_flow_refusals",
    ],
    "inference": [
        "test_inference.py::test_the_shape",
        "test_inference.py::test_vectors",
        "test_calibration.py::test_bad",
    ],
    "models": [
        "test_maf.py::test_it_is_trained",
        "test_maf.py::test_orders",
        "test_maf.py::test_bad",
        "test_image_realnvp.py::test_layers",
    ],
    "networks": [
        "test_networks",
        "test_made.py::test_the_jacobian",
        "test_pixelcnn.py::test_step",
        "test_wavenet.py::test_bad",
    ],
    "numerics": [""],
    "objectives": ["test_reverse_kl.py::test_its_value", "test_reverse_kl.py::test_bad"],
    "pictures": [""],
    "runs": ["test_training.py::test_gaussian", "test_training.py::test_bad_run", "test_num_bits.py::test_the_highest"],
    "serving": ["test_serving_files", "test_serving.py::test_load_agrees"],
    "optimizers": ["test_fused_adam.py::test_sparse", "test_warmup_cosine"],
    "training": ["test_callbacks.py::test_stop_on_nan_names_the"],
    "transforms": [
        "test_transforms.py::test_round_trip_and",
        "test_transforms.py::test_flags",
        "test_transforms.py::test_bad",
    ],
}
PREFIXES = tuple(
    "tests/" + ("" if room == "tests" else room + "/") + beginning
    for room, beginnings in ROOMS.items()
    for beginning in beginnings
)


def is_quick(nodeid):
    """Whether a test is quick, by the id that pytest gives it."""
    if nodeid.startswith(BIJECTORS) and nodeid.endswith("]") and "_xla_" not in nodeid and "float32" not in nodeid:
        # A case's name holds no hyphen: what stands before one are other parameters.
        return nodeid.removesuffix("]").split("[", 1)[1].split("-")[-1] in CASES or nodeid.startswith(PREFIXES)
    return nodeid.startswith(PREFIXES)
