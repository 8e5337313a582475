"""Drawing: one style for every figure, and files that carry the data they show. The only room that imports matplotlib."""

from mfpde.plot.save import Array, Data, Tables, label_ticks, new_figure, save_figure, shades, style

__all__ = ["Array", "Data", "Tables", "label_ticks", "new_figure", "save_figure", "shades", "style"]
