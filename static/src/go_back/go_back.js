import { registry } from "@web/core/registry";
import { ControllerNotFoundError } from "@web/webclient/actions/action_service";

/**
 * Client action: back to the screen one came from, read anew; to the rules where there is none.
 */
export async function goBack(env) {
    try {
        await env.services.action.restore();
    } catch (error) {
        if (!(error instanceof ControllerNotFoundError)) {
            throw error;
        }
        await env.services.action.doAction("clm.clm_rule_action", { clearBreadcrumbs: true });
    }
}

registry.category("actions").add("clm.go_back", goBack);
