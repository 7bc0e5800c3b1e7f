from . import clm_cohort_report
from . import clm_visit_report
from . import sale_report
