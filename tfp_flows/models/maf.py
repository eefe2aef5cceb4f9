"""MAF: a stack of autoregressive layers in alternating orders, cheap in the direction of densities.

    data -> [to reals] -> layer x num_layers -> standard normal
    layer:  ActNorm -> autoregressive, in the order of the features and in the reversed one in turn

On vectors each layer has a MADE, on images a PixelCNN. Density: one pass of it a layer. Samples: by the network's own
solver, at the price of a few passes.
Papamakarios, Pavlakou and Murray, Masked autoregressive flow, arXiv:1705.07057, sections 3 and 4; its batch norm is
ActNorm here.
"""

import keras

from tfp_flows.models.blocks.autoregressive_flow import AutoregressiveFlow


@keras.saving.register_keras_serializable(package="tfp_flows")
class MAF(AutoregressiveFlow):
    """Masked autoregressive flow.

    Takes the arguments of `tfp_flows.models.blocks.autoregressive_flow.AutoregressiveFlow`.

    Example:
        >>> import tfp_flows
        >>> flow = tfp_flows.MAF((3,), num_layers=2, hidden_units=16)
        >>> flow.sample(5, seed=0).shape.as_list()
        [5, 3]
    """

    _inverted = False
