"""Flow: the `keras.Model` around any distribution, and its machinery. Knows no paper."""

from tfp_flows.flow.flow import Flow

__all__ = ["Flow"]
