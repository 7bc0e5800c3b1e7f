from urllib.parse import urlencode

from odoo import fields, http
from odoo.exceptions import AccessError, MissingError, UserError
from odoo.fields import Domain
from odoo.http import content_disposition, request

from odoo.addons.portal.controllers.portal import CustomerPortal
from odoo.addons.portal.controllers.portal import pager as portal_pager
from odoo.addons.portal.utils import get_portal_partner

from ..tools.redline import CSS

REPORT = "clm.action_report_contract"
PAGE = "/my/contracts/<int:contract_id>"
# what identifies a visitor who follows a link
VISITOR = ("access_token", "pid", "hash")


class ContractPortal(CustomerPortal):
    """The customer's and the supplier's side of a contract: read, comment, propose wording, sign, decline, confirm,
    claim. Templates get plain values (``_portal_values``); each act is done by a method of the model that checks it.
    """

    # === HOME AND LIST === #

    def _prepare_home_portal_values(self, counters):
        values = super()._prepare_home_portal_values(counters)
        if {"contract_count", "contract_sign_count"} & set(counters):
            Contract = request.env["clm.contract"]
            readable = Contract.has_access("read")
            domain = Contract._shared_domain(request.env.user.partner_id)
            to_sign = domain & Contract._portal_filters()["sign"][1]
            if "contract_count" in counters:
                values["contract_count"] = Contract.search_count(domain, limit=1) if readable else 0
            if "contract_sign_count" in counters:
                values["contract_sign_count"] = Contract.search_count(to_sign) if readable else 0
        return values

    def _get_contract_sortings(self):
        return {
            "newest": {"label": request.env._("Newest"), "order": "shared_at desc, id desc"},
            "name": {"label": request.env._("Number"), "order": "name"},
            "end": {"label": request.env._("End Date"), "order": "date_end, id"},
        }

    def _get_contract_search_inputs(self):
        return {
            "all": {"input": "all", "label": request.env._("Search in All"), "fields": ("name", "title")},
            "name": {"input": "name", "label": request.env._("Search in Number"), "fields": ("name",)},
            "title": {"input": "title", "label": request.env._("Search in Title"), "fields": ("title",)},
        }

    @http.route(
        ["/my/contracts", "/my/contracts/page/<int:page>"], type="http", auth="user", website=True, readonly=True
    )
    def portal_my_contracts(self, page=1, sortby=None, filterby=None, search=None, search_in=None, **kw):
        Contract = request.env["clm.contract"]
        sortings, inputs = self._get_contract_sortings(), self._get_contract_search_inputs()
        filters = {
            key: {"label": label, "domain": domain} for key, (label, domain) in Contract._portal_filters().items()
        }
        sortby = sortby if sortby in sortings else "newest"
        filterby = filterby if filterby in filters else "all"
        search_in = search_in if search_in in inputs else "all"
        domain = Contract._shared_domain(request.env.user.partner_id) & filters[filterby]["domain"]
        if search:
            domain &= Domain.OR(Domain(name, "ilike", search) for name in inputs[search_in]["fields"])
        allowed = Contract.has_access("read")
        pager = portal_pager(
            url="/my/contracts",
            total=Contract.search_count(domain) if allowed else 0,
            page=page,
            step=self._items_per_page,
            url_args={"sortby": sortby, "filterby": filterby, "search": search or "", "search_in": search_in},
        )
        # which contracts there are is decided with the rights of the user;
        # sudo: the rows are plain values, and may be sorted by what the customer cannot query
        contracts = Contract.sudo()
        if allowed:
            contracts = contracts.search(
                Domain("id", "in", Contract._search(domain)), order=sortings[sortby]["order"],
                limit=self._items_per_page, offset=pager["offset"],
            )
        request.session["my_contracts_history"] = contracts.ids[:100]
        return request.render("clm.portal_my_contracts", {
            **self._prepare_portal_layout_values(),
            "contracts": [contract._portal_row() for contract in contracts],
            "page_name": "clm_contract",
            "pager": pager,
            "default_url": "/my/contracts",
            "searchbar_sortings": sortings,
            "sortby": sortby,
            "searchbar_filters": filters,
            "filterby": filterby,
            "searchbar_inputs": inputs,
            "search_in": search_in,
            "search": search,
        })

    # === ACCESS === #

    def _get_visitor(self):
        """:return: dict of what identifies the visitor besides a login: ``access_token``, and from e-mails ``pid`` and
        ``hash``
        """
        given = {**request.httprequest.args.to_dict(), **request.params}
        # others cannot be compared in constant time
        return {key: given[key] for key in VISITOR if isinstance(given.get(key), str) and given[key].isascii()}

    def _get_shared_contract(self, contract_id):
        """Find a contract that this visitor may see.

        :return: the contract, with all rights, in the name of the user: nothing of it may reach a template as such
        :raise MissingError: when there is none, or it was not shared
        :raise AccessError: when neither the user nor the token may see it
        """
        document = self._document_check_access("clm.contract", contract_id, self._get_visitor().get("access_token"))
        if not document.shared_at:
            raise MissingError(request.env._("This document does not exist."))
        # sudo: the customer has no rights on versions, signatures, audit trail, obligations and claims
        return document.with_user(request.env.user).sudo().with_company(document.company_id)

    def _get_actor(self, contract):
        """Tell who acts for the other party.

        :return: ``res.partner``; empty for colleagues, who look at the page as a preview
        """
        user = request.env.user
        if user._is_public():
            visitor = self._get_visitor()
            pid = visitor.get("pid", "")
            return get_portal_partner(
                contract, visitor.get("hash"), pid if pid.isdecimal() else None, visitor.get("access_token")
            ) or contract.partner_id
        if user.share or user.partner_id.commercial_partner_id == contract.commercial_partner_id:
            return user.partner_id.sudo()  # sudo: their own name
        return request.env["res.partner"]

    def _get_url(self, contract, suffix="", anchor=""):
        """:return: address of a page of the contract, with what identifies the visitor"""
        query = urlencode(self._get_visitor())
        return f"{contract.access_url}{suffix}{'?' if query else ''}{query}{'#' if anchor else ''}{anchor}"

    # === PAGES === #

    @http.route(PAGE, type="http", auth="public", website=True)
    def portal_contract_page(self, contract_id, report_type=None, download=False, **kw):
        """The contract, or its PDF (``report_type=pdf``). Reading it is written down, so the route writes."""
        try:
            contract = self._get_shared_contract(contract_id)
        except (AccessError, MissingError):
            return request.redirect("/my")
        actor = self._get_actor(contract)
        if report_type == "pdf":
            if actor:
                contract._audit("downloaded", name=actor.name, **contract._client())
            return self._get_pdf_response(contract, download)
        if actor and request.httprequest.headers.get("Odoo-Link-Preview") != "True":
            self._audit_view(contract, actor)
        return request.render("clm.portal_contract", self._prepare_contract_page_values(contract))

    @http.route(f"{PAGE}/redline", type="http", auth="public", website=True)
    def portal_contract_redline(self, contract_id, old=None, new=None, **kw):
        """What changed between two versions."""
        try:
            contract = self._get_shared_contract(contract_id)
            change = contract._portal_redline(
                *(int(number) if str(number or "").isdecimal() else None for number in (old, new))
            )
        except (AccessError, MissingError):
            return request.redirect("/my")
        return request.render(
            "clm.portal_contract_redline", self._prepare_contract_page_values(contract, change=change, css=CSS)
        )

    def _prepare_contract_page_values(self, contract, **values):
        """:return: what every page of a contract needs, besides its own plain values"""
        actor = self._get_actor(contract)
        visitor = self._get_visitor()
        values = {
            "page_name": "clm_contract",
            "contract": contract._portal_values(),
            "url_of": lambda suffix="", anchor="": self._get_url(contract, suffix, anchor),
            "visitor": visitor,
            "is_preview": not actor,
            "backend_url": f"/odoo/action-clm.clm_contract_action_all/{contract.id}",
            "default_name": actor.name or "",
            "message": request.session.pop("clm_portal_message", None),
            "res_company": contract.company_id,  # for its logo
            **values,
        }
        return self._get_page_view_values(
            contract, visitor.get("access_token"), values, "my_contracts_history", False,
            pid=visitor.get("pid"), hash=visitor.get("hash"),
        )

    def _audit_view(self, contract, actor):
        """Write down that a version was read, once per session and day."""
        key = f"clm_viewed_{contract.id}"
        seen = f"{fields.Date.today()} {contract._shared_version().id} {actor.id}"
        if request.session.get(key) != seen:
            request.session[key] = seen
            contract._audit("viewed", name=actor.name, **contract._client())

    def _get_pdf_response(self, contract, download):
        """:return: the file that was signed, or else the text as it was shared"""
        if contract.signed_attachment_id:
            stream = request.env["ir.binary"]._get_stream_from(contract.signed_attachment_id)
            return stream.get_response(as_attachment=bool(download))
        report = request.env["ir.actions.report"].sudo().with_company(contract.company_id)  # sudo: as in all portals
        content, __ = report.with_context(clm_version_id=contract._shared_version().id)._render_qweb_pdf(
            REPORT, contract.ids
        )
        name = f"{contract._get_report_base_filename()}.pdf"
        return request.make_response(content, [
            ("Content-Type", "application/pdf"),
            ("Content-Length", len(content)),
            ("Content-Disposition", content_disposition(name, "attachment" if download else "inline")),
        ])

    # === ACTS === #

    @http.route(f"{PAGE}/accept", type="jsonrpc", auth="public", website=True)
    def portal_contract_accept(self, contract_id, name=None, signature=None, **kw):
        def act(contract, actor, **client):
            contract._sign("them", contract._portal_text(name, 120), signature, **client)

        return self._answer_script(contract_id, act, request.env._("Thank you. You have signed."))

    @http.route(f"{PAGE}/propose", type="jsonrpc", auth="public", website=True)
    def portal_contract_propose(self, contract_id, bodies=None, note=None, **kw):
        def act(contract, actor, **client):
            contract._portal_propose(bodies, note, actor, **client)

        return self._answer_script(contract_id, act, request.env._("Thank you. We look at your wording and answer."))

    @http.route(f"{PAGE}/decline", type="http", auth="public", methods=["POST"], website=True)
    def portal_contract_decline(self, contract_id, reason=None, **kw):
        def act(contract, actor, **client):
            contract._portal_decline(reason, actor, **client)

        return self._answer_form(contract_id, act, request.env._("You declined. We see what we can change and answer."))

    @http.route(
        f"{PAGE}/obligations/<int:obligation_id>/confirm", type="http", auth="public", methods=["POST"], website=True
    )
    def portal_contract_confirm(self, contract_id, obligation_id, **kw):
        def act(contract, actor, **client):
            contract._portal_obligation(obligation_id)._confirm(actor.name, **client)

        return self._answer_form(contract_id, act, request.env._("Confirmed."), "obligations")

    @http.route(f"{PAGE}/claims", type="http", auth="public", methods=["POST"], website=True)
    def portal_contract_claim(self, contract_id, name=None, description=None, obligation_id=None, **kw):
        def act(contract, actor, **client):
            contract._portal_claim(name, description, obligation_id, actor, **client)

        return self._answer_form(
            contract_id, act, request.env._("We have received your claim and answer soon."), "claims"
        )

    @http.route(
        f"{PAGE}/claims/<int:claim_id>/<any(accept, escalate):answer>", type="http", auth="public", methods=["POST"],
        website=True,
    )
    def portal_contract_claim_answer(self, contract_id, claim_id, answer, **kw):
        def act(contract, actor, **client):
            contract._portal_answer_claim(claim_id, answer, actor, **client)

        success = request.env._("Settled.") if answer == "accept" else request.env._("We bring it to a manager.")
        return self._answer_form(contract_id, act, success, "claims")

    def _answer_form(self, contract_id, act, success, anchor=""):
        """Do what a form asks for, then show the page with the outcome."""
        try:
            contract = self._get_shared_contract(contract_id)
        except (AccessError, MissingError):
            return request.redirect("/my")
        error = self._act(contract, act)
        self._keep_message(error, success)
        return request.redirect(self._get_url(contract, anchor=anchor))

    def _answer_script(self, contract_id, act, success):
        """Do what a script asks for, then have the page reloaded, or tell why not."""
        try:
            contract = self._get_shared_contract(contract_id)
        except (AccessError, MissingError):
            return {"error": request.env._("This contract does not exist, or is not shared with you.")}
        error = self._act(contract, act)
        if error:
            return {"error": error}
        self._keep_message(None, success)
        return {"force_refresh": True, "redirect_url": self._get_url(contract)}

    def _act(self, contract, act):
        """Let the other party do something: all of it, or nothing.

        :param act: called with the contract, the actor and what is known of the client
        :return: why it was refused, or ``None``
        """
        actor = self._get_actor(contract)
        if not actor:
            return request.env._("This is a preview. Only the other party can do that.")
        try:
            with request.env.cr.savepoint():
                act(contract, actor, **contract._client())
        except UserError as error:
            return str(error)
        return None

    def _keep_message(self, error, success):
        """Keep what is to be said on the next page."""
        request.session["clm_portal_message"] = {"error": error or "", "success": "" if error else success}
