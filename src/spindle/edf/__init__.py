"""EDF and BDF, read and written: the only place that knows their bytes.

edfio makes the headers that are written. Reading is done here, because edfio takes a whole BDF into memory, reads
calibrated samples as float64, keeps to itself where annotation signals lie in a record, without which EDF+D cannot
be placed in time, and stops at header faults that files of real recorders have.
"""

from spindle.edf.header import is_edf
from spindle.edf.reading import read_annotations, read_edf
from spindle.edf.writing import write_annotations, write_edf

__all__ = ["is_edf", "read_annotations", "read_edf", "write_annotations", "write_edf"]
