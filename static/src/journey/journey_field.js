import { _t } from "@web/core/l10n/translation";
import { formatDate } from "@web/core/l10n/dates";
import { registry } from "@web/core/registry";
import { formatInteger } from "@web/views/fields/formatters";
import { x2ManyField, X2ManyField } from "@web/views/fields/x2many/x2many_field";

/**
 * The visits of a customer as a strip, oldest first, each as long as it lasted; the list of them below.
 */
export class JourneyField extends X2ManyField {
    static template = "clm.JourneyField";

    get steps() {
        const records = [...this.props.record.data[this.props.name].records].reverse();
        return records.map(({ id, data }, index) => ({
            id,
            name: data.stage_id.display_name,
            days: _t("%s d", formatInteger(Math.floor(data.days_so_far))),
            grow: Math.max(data.days_so_far, 1),
            isCurrent: !data.exited_at,
            newCycle: index && data.cycle > records[index - 1].data.cycle ? data.cycle : 0,
            title: _t("%(stage)s, %(from)s to %(until)s", {
                stage: data.stage_id.display_name,
                from: formatDate(data.entered_at),
                until: data.exited_at ? formatDate(data.exited_at) : _t("today"),
            }),
        }));
    }
}

registry.category("fields").add("clm_journey", { ...x2ManyField, component: JourneyField });
