import { Component, onWillDestroy, onWillStart, useState } from "@odoo/owl";
import { ConfirmationDialog } from "@web/core/confirmation_dialog/confirmation_dialog";
import { _t } from "@web/core/l10n/translation";
import { rpcBus } from "@web/core/network/rpc";
import { UPDATE_METHODS } from "@web/core/orm_service";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";

const POLICY_MODELS = ["clm.stage", "clm.rule", "clm.rule.condition"];
const CHANGES = [...UPDATE_METHODS, "web_resequence", "copy"];

/**
 * Tells that changed stages and rules wait, and lets a manager look, apply or discard.
 */
export class PolicyBanner extends Component {
    static template = "clm.PolicyBanner";
    static props = {
        reload: { type: Function, optional: true },
        record: { type: Object, optional: true },
        preview: { type: Boolean, optional: true },
        "*": true,
    };
    static defaultProps = { preview: true };

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.dialog = useService("dialog");
        this.notification = useService("notification");
        this.state = useState({ waiting: false, may_apply: false });
        const onResponse = ({ detail }) => {
            const { model, method } = detail.data?.params || {};
            if (POLICY_MODELS.includes(model) && CHANGES.includes(method)) {
                this.refresh();
            }
        };
        rpcBus.addEventListener("RPC:RESPONSE", onResponse);
        onWillDestroy(() => rpcBus.removeEventListener("RPC:RESPONSE", onResponse));
        onWillStart(() => this.refresh());
    }

    async refresh() {
        Object.assign(this.state, await this.orm.silent.call("clm.policy", "get_edit_state", []));
    }

    /** Save what is being typed first: it is part of the changes. */
    async saved() {
        return !this.props.record || (await this.props.record.save());
    }

    async preview() {
        if (await this.saved()) {
            this.action.doAction(await this.orm.call("clm.policy", "action_preview", []));
        }
    }

    async apply() {
        if (await this.saved()) {
            this.confirm(
                "action_apply",
                _t("Apply the changes?"),
                _t("They take effect for the past too: every customer is replayed, in the background."),
                _t("Apply"),
                _t("Applied. Customers follow in the background.")
            );
        }
    }

    discard() {
        this.confirm(
            "action_discard",
            _t("Discard the changes?"),
            _t("Stages and rules go back to what is in force. Names and descriptions stay as they are."),
            _t("Discard"),
            _t("Discarded. Stages and rules are as they were.")
        );
    }

    confirm(method, title, body, confirmLabel, done) {
        this.dialog.add(ConfirmationDialog, {
            title,
            body,
            confirmLabel,
            confirm: async () => {
                await this.orm.call("clm.policy", method, []);
                this.notification.add(done, { type: "success" });
                await this.refresh();
                await this.reload();
            },
            cancel: () => {},
        });
    }

    async reload() {
        if (this.props.reload) {
            return this.props.reload();
        }
        const { record } = this.props;
        await record?.discard();
        return record?.resId && record.load();
    }
}

registry.category("view_widgets").add("clm_policy_banner", {
    component: PolicyBanner,
    extractProps: ({ options }) => ({ preview: options.preview ?? true }),
});
