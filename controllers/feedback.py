from odoo import http
from odoo.exceptions import UserError
from odoo.http import request

from ..models.clm_feedback import MAX_COMMENT

PAGE = "/clm/feedback/<int:feedback_id>/<string:token>"
# the address holds the secret: no search engine, no cache and no other site may learn it
HEADERS = {
    "X-Robots-Tag": "noindex, nofollow, noarchive",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}


class FeedbackPage(http.Controller):
    """Where customers answer, without a login. Opening the page changes nothing: mail scanners follow links. Templates
    get plain values. Whatever is wrong with a link, the answer is one and the same page.
    """

    @http.route(
        PAGE, type="http", auth="public", methods=["GET"], website=True, multilang=False, sitemap=False, readonly=True,
    )
    def feedback_page(self, feedback_id, token, score=None, **kw):
        """The question; the score of the link that was clicked is chosen already, and not sent."""
        feedback = self._find(feedback_id, token)
        if not feedback:
            return self._render_unknown()
        values = feedback._page_values()
        if values["answered"]:
            return self._render("clm.feedback_page_answered", page=values)
        return self._render_form(values, score=self._known_score(values, score))

    @http.route(
        PAGE, type="http", auth="public", methods=["POST"], website=True, multilang=False, sitemap=False,
    )
    def feedback_answer(self, feedback_id, token, score=None, comment=None, **kw):
        """Take the answer, or say what is wrong with it and keep what was typed on the page."""
        feedback = self._find(feedback_id, token)
        if not feedback:
            return self._render_unknown()
        if feedback._page_values()["answered"]:
            return self._render("clm.feedback_page_answered", page=feedback._page_values())
        try:
            with request.env.cr.savepoint():
                feedback._answer(score, comment)
        except UserError as error:
            values = feedback._page_values()
            return self._render_form(
                values, status=422, score=self._known_score(values, score), error=str(error),
                comment=feedback._clean_comment(comment)[:MAX_COMMENT],
            )
        return self._render("clm.feedback_page_thanks", page=feedback._page_values())

    @http.route(
        f"{PAGE}/stop", type="http", auth="public", methods=["POST"], website=True, multilang=False, sitemap=False,
    )
    def feedback_stop(self, feedback_id, token, **kw):
        """The person asked wants no more of these mails."""
        feedback = self._find(feedback_id, token)
        if not feedback:
            return self._render_unknown()
        feedback._stop_asking()
        return self._render("clm.feedback_page_stopped", page=feedback._page_values())

    def _find(self, feedback_id, token):
        """:return: the request with all rights, in the customer's language, as the page will be; none if the link
            does not work. Nothing of it may reach a template but its plain values.
        """
        feedback = request.env["clm.feedback"]._find_by_link(feedback_id, token)
        lang = feedback.env.context.get("lang")
        if feedback and lang:
            request.update_context(lang=lang)
        return feedback

    def _known_score(self, values, score):
        """:return: the score that a link or form named, if it is on the scale"""
        text = str(score or "")
        readable = text.isascii() and text.isdecimal() and len(text) <= 2
        return int(text) if readable and int(text) in values["scale"] else None

    def _render_form(self, values, score=None, comment="", error="", status=200):
        return self._render("clm.feedback_page", status, page=values, score=score, comment=comment, error=error)

    def _render_unknown(self):
        """:return: the page for every link that does not work, which tells nothing about why"""
        return self._render("clm.feedback_page_unknown", 404, page={})

    def _render(self, template, status=200, **values):
        page = values["page"]
        lang = request.env["res.lang"]._get_data(code=page.get("lang") or request.env.context.get("lang") or "en_US")
        direction = lang.direction or "ltr"
        response = request.render(template, {
            **values,
            "score": values.get("score"),
            "html_data": {"lang": (lang.code or "en_US").replace("_", "-"), "dir": direction},
            "direction": direction,
            "no_header": True,
            "no_footer": True,
        })
        response.status_code = status
        response.headers.extend(HEADERS)
        return response
