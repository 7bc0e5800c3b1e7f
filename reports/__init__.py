from . import clm_report_mixin
from . import clm_cohort_report
from . import clm_funnel_report
from . import clm_funnel_screen
from . import clm_visit_report
from . import res_partner
from . import sale_report
