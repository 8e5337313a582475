"""Drawing: one style for every figure, and files that carry the data they show. The only room that imports matplotlib."""

from mfpde.plot.save import Tables, new_figure, save_figure, style

__all__ = ["Tables", "new_figure", "save_figure", "style"]
