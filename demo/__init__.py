from . import clm_billing_demo
from . import clm_kpi_demo
