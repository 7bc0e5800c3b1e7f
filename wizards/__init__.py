from . import clm_rebuild
from . import clm_stage_move
