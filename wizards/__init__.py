from . import base_partner_merge
from . import clm_policy_preview
from . import clm_policy_preview_move
from . import clm_policy_preview_stage
from . import clm_rebuild
from . import clm_stage_move
