from . import clm_billing_demo
