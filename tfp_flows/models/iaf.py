"""IAF: a stack of autoregressive layers the other way round, cheap in the direction of samples.

    latent -> layer x num_layers -> [from reals] -> data
    layer:  autoregressive, in the order of the features and in the reversed one in turn -> ActNorm

On vectors each layer has a MADE, on images a PixelCNN. Samples, and the densities of samples: one pass of it a layer.
Density of given data: by the network's own solver, at the price of a few passes.
Kingma et al., Improving variational inference with inverse autoregressive flow, arXiv:1606.04934, section 3.
"""

import keras

from tfp_flows.models.blocks.autoregressive_flow import AutoregressiveFlow


@keras.saving.register_keras_serializable(package="tfp_flows")
class IAF(AutoregressiveFlow):
    """Inverse autoregressive flow: `tfp_flows.MAF` with each autoregressive layer inverted.

    Takes the arguments of `tfp_flows.models.blocks.autoregressive_flow.AutoregressiveFlow`.

    Example:
        >>> import tfp_flows
        >>> flow = tfp_flows.IAF((3,), num_layers=2, hidden_units=16)
        >>> flow.sample(5, seed=0).shape.as_list()
        [5, 3]
    """

    _inverted = True
