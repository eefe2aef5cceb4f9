"""Pictures of samples and of trainings, as PNG. Needs the extra `plots`.

Every function writes its file beside its place and moves it there, and returns the path.
"""

from tfp_flows.pictures.corner import corner
from tfp_flows.pictures.curve import curve
from tfp_flows.pictures.ecdf import ecdf
from tfp_flows.pictures.images import as_images, rows
from tfp_flows.pictures.kind import Kind, kind_of
from tfp_flows.pictures.samples import samples
from tfp_flows.pictures.spectrograms import spectrograms
from tfp_flows.pictures.trajectories import trajectories

__all__ = ["Kind", "as_images", "corner", "curve", "ecdf", "kind_of", "rows", "samples", "spectrograms", "trajectories"]
