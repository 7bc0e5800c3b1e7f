import { Component, onMounted, onWillDestroy, useState } from "@odoo/owl";
import { browser } from "@web/core/browser/browser";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { formatInteger } from "@web/views/fields/formatters";

const INTERVAL = 3000;

/**
 * Says how far the reconstruction of history is, while there is one. Quiet otherwise.
 */
export class RebuildBanner extends Component {
    static template = "clm.RebuildBanner";
    static props = {
        onDone: { type: Function, optional: true },
        record: { type: Object, optional: true },
        "*": true,
    };

    setup() {
        this.orm = useService("orm");
        this.state = useState({ remaining: 0, most: 0 });
        onMounted(() => this.refresh());
        onWillDestroy(() => browser.clearTimeout(this.timeout));
    }

    get message() {
        return _t("Reconstructing history: %s customers to go", formatInteger(this.state.remaining));
    }

    get percentage() {
        return Math.round(100 * (1 - this.state.remaining / this.state.most));
    }

    async refresh() {
        const running = this.state.remaining > 0;
        let progress;
        try {
            progress = await this.orm.silent.call("clm.queue", "get_progress", []);
        } catch {
            return; // no connection: the screen itself works on
        }
        this.state.remaining = progress.remaining;
        this.state.most = Math.max(this.state.most, progress.remaining);
        if (progress.remaining) {
            this.timeout = browser.setTimeout(() => this.refresh(), INTERVAL);
        } else if (running) {
            this.state.most = 0;
            await (this.props.onDone?.() ?? this.props.record?.load());
        }
    }
}

registry.category("view_widgets").add("clm_rebuild_banner", { component: RebuildBanner });
