import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

/** The cases of OTP 25's supervisor_SUITE that say something here; left out are callback modules and log texts. */
const cases = `sup_start_normal sup_start_ignore_init sup_start_ignore_child sup_start_ignore_temporary_child
sup_start_ignore_temporary_child_start_child sup_start_ignore_temporary_child_start_child_simple
sup_start_ignore_permanent_child_start_child_simple sup_start_error_return sup_start_fail sup_start_child_returns_error
sup_start_restart_child_returns_error sup_start_child_returns_error_simple sup_start_map sup_start_map_simple
sup_start_map_faulty_specs sup_stop_infinity sup_stop_timeout sup_stop_timeout_dynamic sup_stop_brutal_kill
sup_stop_brutal_kill_dynamic sup_stop_race sup_stop_non_shutdown_exit_dynamic child_adm child_adm_simple extra_return
child_specs child_specs_map sup_flags multiple_restarts one_for_one one_for_one_escalation one_for_all
one_for_all_escalation one_for_all_other_child_fails_restart rest_for_one rest_for_one_escalation
rest_for_one_other_child_fails_restart simple_one_for_one simple_one_for_one_shutdown simple_one_for_one_extra
simple_one_for_one_escalation simple_one_for_one_corruption permanent_normal permanent_shutdown permanent_abnormal
transient_normal transient_shutdown transient_abnormal temporary_normal temporary_shutdown temporary_abnormal
faulty_application_shutdown temporary_bystander child_unlink tree nonsignificant_temporary nonsignificant_transient
significant_temporary significant_transient significant_simple significant_bystander significant_escalation
significant_upgrade_never_any significant_upgrade_any_never significant_upgrade_never_all significant_upgrade_all_never
significant_upgrade_any_all significant_upgrade_all_any significant_upgrade_child count_children
count_children_supervisor count_restarting_children do_not_save_start_parameters_for_temporary_children
do_not_save_child_specs_for_temporary_children simple_one_for_one_scale_many_temporary_children
simple_global_supervisor hanging_restart_loop hanging_restart_loop_rest_for_one hanging_restart_loop_simple code_change
code_change_map code_change_simple code_change_simple_map order_of_children scale_start_stop_many_children`.split(
  /\s+/,
);

test('every applicable case of the suite is a test of that name', () => {
  const here = new URL('.', import.meta.url);
  const text = readdirSync(here)
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => readFileSync(new URL(file, here), 'utf8'))
    .join('\n');
  expect(cases.filter((name) => !text.includes(`test('${name}'`))).toEqual([]);
  expect(cases.length).toBeGreaterThanOrEqual(80);
});
