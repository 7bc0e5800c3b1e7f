import { Component } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { days } from "./words";

const dialog = (name, model, partnerId) => ({
    type: "ir.actions.act_window",
    name,
    res_model: model,
    views: [[false, "form"]],
    target: "new",
    context: { default_partner_id: partnerId, active_id: partnerId, active_ids: [partnerId], active_model: "res.partner" },
});

/** Who the customer is, where it stands and what can be done from here. */
export class PageHeader extends Component {
    static template = "clm.CustomerPageHeader";
    static props = {
        header: Object,
        stage: { type: [Object, { value: null }] },
        open: Function,
        run: Function,
    };

    get face() {
        return `/web/image/res.partner/${this.props.header.id}/avatar_128`;
    }

    get daysInStage() {
        return _t("for %s", days(this.props.stage.days));
    }

    openContact() {
        this.props.open("res.partner", this.props.header.id);
    }

    handOver() {
        this.props.run(dialog(_t("Hand Over"), "clm.handover.request", this.props.header.id));
    }

    ask() {
        this.props.run(dialog(_t("Ask for Feedback"), "clm.feedback.request", this.props.header.id));
    }

    print() {
        const { id } = this.props.header;
        this.props.run({
            type: "ir.actions.report",
            report_type: "qweb-pdf",
            report_name: "clm.report_customer_summary",
            report_file: "clm.report_customer_summary",
            context: { active_ids: [id] },
        });
    }
}
