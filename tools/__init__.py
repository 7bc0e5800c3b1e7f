"""What the addon computes, as plain Python: values in, values out, no Odoo."""
