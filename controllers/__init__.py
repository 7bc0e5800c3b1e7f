from . import export
from . import feedback
from . import portal
