import { Component, markRaw, onWillStart, useRef, useState } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { KeepLast } from "@web/core/utils/concurrency";
import { useService } from "@web/core/utils/hooks";
import { Layout } from "@web/search/layout";
import { useSetupAction } from "@web/search/action_hook";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";
import { ContractsPanel } from "./contracts_panel";
import { FeedbackPanel } from "./feedback_panel";
import { HealthPanel } from "./health_panel";
import { NextActions } from "./next_actions";
import { PageHeader } from "./page_header";
import { PeoplePanel } from "./people_panel";
import { ProductsPanel } from "./products_panel";
import { StagePath } from "./stage_path";
import { TimelinePanel } from "./timeline_panel";
import { ValuePanel } from "./value_panel";

/** All about one customer, for everybody. One call brings the page; whatever the user may read can be opened. */
export class CustomerPageAction extends Component {
    static template = "clm.CustomerPageAction";
    static components = {
        ContractsPanel,
        FeedbackPanel,
        HealthPanel,
        Layout,
        NextActions,
        PageHeader,
        PeoplePanel,
        ProductsPanel,
        StagePath,
        TimelinePanel,
        ValuePanel,
    };
    static props = { ...standardActionServiceProps };
    static displayName = _t("Customer Page");
    static path = "customer-page"; // there is no list above a page, which an address with a number would mean

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.keepLast = new KeepLast();
        this.rootRef = useRef("root");
        const left = this.props.state?.customerPage; // as it was before something was opened
        const { params, context } = this.props.action;
        this.partnerId = this.props.resId || params?.partner_id || context?.active_id || null;
        this.timeline = left?.timeline || {};
        this.state = useState({ data: left?.data || null, status: this.partnerId ? "loading" : "none", error: "" });
        this.open = this.open.bind(this);
        this.run = this.run.bind(this);
        useSetupAction({
            rootRef: this.rootRef,
            getLocalState: () => ({ customerPage: { data: this.state.data, timeline: this.timeline } }),
        });
        onWillStart(() => {
            if (this.partnerId) {
                this.props.updateActionState?.({ resId: this.partnerId }); // the address names the customer
                this.load(); // the skeleton shows meanwhile
            }
        });
    }

    async load() {
        this.state.status = "loading";
        try {
            const data = await this.keepLast.add(
                this.orm.silent.call("clm.customer.page", "get_page", [this.partnerId])
            );
            this.state.data = markRaw(data);
            this.state.status = "ready";
            this.env.config.setDisplayName?.(data.header.name);
        } catch (error) {
            this.state.error = error.data?.message || error.message || "";
            this.state.status = "error";
        }
    }

    /** Open a document. */
    open(model, id) {
        return this.run({ type: "ir.actions.act_window", res_model: model, res_id: id, views: [[false, "form"]] });
    }

    /** Run an action; after a dialog the page is up to date. */
    run(action) {
        return this.action.doAction(action, { onClose: () => this.load() });
    }

    openCustomers() {
        return this.action.doAction("clm.res_partner_action_lifecycle", { clearBreadcrumbs: true });
    }

    get isHidden() {
        return !this.state.data.money.is_shown;
    }
}

registry.category("actions").add("clm_customer_page", CustomerPageAction);
