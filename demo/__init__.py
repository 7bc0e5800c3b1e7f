from . import clm_billing_demo
from . import clm_knowing_demo
from . import clm_knowing_effects
from . import clm_kpi_demo
