from contextlib import ExitStack
from tempfile import TemporaryFile

from werkzeug.wsgi import wrap_file

from odoo import fields, http
from odoo.http import content_disposition, request

WIZARDS = {
    "billing": "clm.billing.export",
    "kpi": "clm.kpi.scorecard",
    "register": "clm.contract.register",
}
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class ExportController(http.Controller):
    """Spreadsheets, as a wizard of the user asks for them."""

    @http.route("/clm/export/<string:kind>/<int:wizard_id>", type="http", auth="user", readonly=True)
    def export(self, kind, wizard_id):
        """Write the spreadsheet to a file and stream it, with the rights of the user."""
        if kind not in WIZARDS:
            raise request.not_found()
        wizard = request.env[WIZARDS[kind]].browse(wizard_id).exists()
        if not wizard or wizard.create_uid != request.env.user:
            raise request.not_found()
        book = wizard._book()
        with ExitStack() as stack:
            file = stack.enter_context(TemporaryFile())
            wizard.env["clm.export"]._write_xlsx(file, book)
            close = stack.pop_all().close  # from here on, the response closes it
        size = file.tell()
        file.seek(0)
        name = f"{book.title} {fields.Date.to_string(wizard.company_id._lifecycle_today())}.xlsx"
        response = request.make_response(wrap_file(request.httprequest.environ, file), [
            ("Content-Type", XLSX), ("Content-Length", size), ("Content-Disposition", content_disposition(name)),
            ("Cache-Control", "no-store"),
        ])
        response.direct_passthrough = True
        response.call_on_close(close)
        return response
