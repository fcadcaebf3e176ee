%% Acts out scenarios with Erlang's own supervisor and prints what happened, one line per fact.
-module(driver).
-behaviour(supervisor).
-export([main/1, init/1, start/2, burst/2, log/2]).

main([File]) ->
    process_flag(trap_exit, true),
    logger:set_primary_config(level, all),
    logger:remove_handler(default),
    ok = logger:add_handler(trace, driver, #{level => all}),
    ets:new(t, [named_table, public, ordered_set]),
    {ok, Scenarios} = file:consult(File),
    lists:foreach(fun run/1, Scenarios),
    halt(0).

run({scenario, N, Top, Steps}) ->
    io:format("== ~b~n", [N]),
    ets:delete_all_objects(t),
    Rec = spawn_link(fun() -> recorder([]) end),
    register(rec, Rec),
    Kinds = kinds(Top, #{}),
    ets:insert(t, {kinds, Kinds}),
    case start(element(2, Top), Top) of
        {ok, _} -> note("top started");
        {error, R} -> note("top failed " ++ text(R))
    end,
    settle(0),
    dump(),
    lists:foreach(fun(Step) -> note("-"), step(Step), settle(0), replies(), dump() end, Steps),
    note("- end"),
    case ets:lookup(t, {cur, "top"}) of
        [{_, Pid}] ->
            Mon = monitor(process, Pid),
            exit(Pid, shutdown),
            receive {'DOWN', Mon, _, _, _} -> ok end;
        [] -> ok
    end,
    settle(0),
    Rec ! {flush, self()},
    receive {entries, Es} -> [io:format("~s~n", [E]) || E <- Es] end,
    unlink(Rec), exit(Rec, kill),
    wait_dead(Rec),
    flush_mailbox().

wait_dead(P) -> case is_process_alive(P) of true -> erlang:yield(), wait_dead(P); false -> ok end.
flush_mailbox() -> receive _ -> flush_mailbox() after 0 -> ok end.

kinds({sup, Id, _, _, _, _, _, _, Children}, M) -> lists:foldl(fun({_, K}, A) -> kinds(K, A) end, M#{Id => static}, Children);
kinds({dyn, Id, _, _, _, _, _, _}, M) -> M#{Id => dynamic};
kinds({worker, _, _}, M) -> M.

%% --- the recorder: entries in order, and the end of everything that was started
recorder(Es) ->
    receive
        {entry, E} -> recorder([E | Es]);
        {watch, Pid, Name, From} ->
            Mon = monitor(process, Pid), put(Mon, Name), From ! {watched, Pid}, recorder(Es);
        {'DOWN', Mon, _, _, Reason} -> recorder(["e " ++ erase(Mon) ++ " " ++ text(Reason) | Es]);
        {flush, From} -> From ! {entries, lists:reverse(Es)}, recorder([]);
        {sync, From} -> From ! synced, recorder(Es)
    end.
note(S) -> rec ! {entry, lists:flatten(S)}.
watch(Pid, Name) -> rec ! {watch, Pid, Name, self()}, receive {watched, Pid} -> ok end.

log(#{msg := {report, #{label := {supervisor, Ctx}, report := R}}}, _) ->
    {_, {_, Module}} = {x, case lists:keyfind(supervisor, 1, R) of {_, {Pid, M}} -> {Pid, M}; {_, Other} -> {x, Other} end},
    case whereis(rec) of
        undefined -> ok;
        _ when Module =:= driver ->
            Child = case lists:keyfind(started, 1, R) of {_, C} -> C; false -> proplists:get_value(offender, R) end,
            Id = case proplists:get_value(id, Child) of Str when is_list(Str) -> Str; _ -> "*" end,
            Why = case lists:keyfind(reason, 1, R) of {_, X} -> [" ", text(X)]; false -> "" end,
            note(["r ", atom_to_list(Ctx), " ", Id, Why]);
        _ -> ok
    end;
log(_, _) -> ok.

%% --- children
init({sup, _Id, Strategy, Intensity, Auto, _, _, _, Children}) ->
    {ok, {#{strategy => Strategy, intensity => Intensity, period => 3600, auto_shutdown => Auto},
          [spec(C) || C <- Children]}};
init({dyn, _Id, Intensity, Auto, {Restart, Shutdown, Significant}, _, _, _}) ->
    {ok, {#{strategy => simple_one_for_one, intensity => Intensity, period => 3600, auto_shutdown => Auto},
          [#{id => template, start => {driver, start, []}, restart => Restart, shutdown => Shutdown, significant => Significant}]}}.

spec({{Id, Restart, Shutdown, Significant}, Kind}) ->
    #{id => Id, start => {driver, start, [Id, Kind]}, restart => Restart, shutdown => Shutdown,
      significant => Significant, type => case element(1, Kind) of worker -> worker; _ -> supervisor end}.

start(_, {burst, [SupId, Args]}) -> burst(SupId, Args);
start(Id, {worker, Starts, Manner}) ->
    N = count(Id),
    What = case N =< length(Starts) of true -> lists:nth(N, Starts); false -> ok end,
    note(["s ", name(Id, N), " ", atom_to_list(What)]),
    case What of
        ignore -> ignore;
        error -> {error, bad};
        _ ->
            Self = self(),
            Pid = spawn_link(fun() -> process_flag(trap_exit, Manner =/= plain), Self ! {ready, self()}, worker(Manner) end),
            receive {ready, Pid} -> ok end,
            known(Id, N, Pid),
            case What of info -> {ok, Pid, info}; ok -> {ok, Pid} end
    end;
start(Id, Sup) ->
    N = count(Id),
    note(["s ", name(Id, N), " ok"]),
    case supervisor:start_link(driver, Sup) of
        {ok, Pid} -> ets:insert(t, {{sup, Id}, Pid}), known(Id, N, Pid), {ok, Pid};
        Error -> Error
    end.

count(Id) -> ets:update_counter(t, {n, Id}, 1, {{n, Id}, 0}).
name(Id, N) -> Id ++ "#" ++ integer_to_list(N).
known(Id, N, Pid) ->
    ets:insert(t, [{{cur, Id}, Pid}, {{name, Pid}, name(Id, N)}, {{parent, Pid}, self()}]),
    watch(Pid, name(Id, N)).

worker(Manner) ->
    receive
        {quit, R} -> exit(R);
        {'EXIT', _, shutdown} ->
            case Manner of
                slow -> worker(Manner);
                obey -> exit(shutdown);
                odd_normal -> exit(normal);
                odd_term -> exit({shutdown, term});
                odd_boom -> exit(boom)
            end;
        {'EXIT', _, Why} -> exit(Why)
    end.

%% --- steps
step({quit, Id, Reason}) -> quit(Id, Reason);
step({burst, SupId, Actions}) ->
    case sup_pid(SupId) of
        undefined -> note("a no supervisor");
        Pid ->
            Args = [SupId, {self(), Actions}],
            %% The start function of this child runs inside the supervisor: what it sends waits in the mailbox.
            R = case maps:get(SupId, kinds()) of
                static ->
                    (catch supervisor:start_child(Pid, #{id => burst, start => {driver, burst, Args}, restart => temporary}));
                dynamic ->
                    (catch supervisor:start_child(Pid, ["burst", {burst, Args}]))
            end,
            case R of {ok, undefined} -> ok; _ -> note("a burst refused") end
    end;
step(Action) ->
    case sup_pid(element(2, Action)) of
        undefined -> note("a no supervisor");
        Pid -> note(["a ", answer(kind(Action), catch gen_server:call(Pid, request(Action, Pid), infinity))])
    end.

kinds() -> [{_, K}] = ets:lookup(t, kinds), K.

burst(SupId, {Driver, Actions}) ->
    Self = self(),
    _ = SupId,
    lists:foldl(fun({quit, Id, Reason}, I) -> quit(Id, Reason), I;
                   (Action, I) ->
                        ets:insert(t, {{pending, I}, kind(Action)}),
                        Self ! {'$gen_call', {Driver, {burst, I}}, request(Action, Self)}, I + 1
                end, 1, Actions),
    ignore.

replies() -> replies(1).
replies(I) ->
    case ets:take(t, {pending, I}) of
        [] -> ok;
        [{_, Kind}] ->
            receive {{burst, I}, Reply} -> note(["a ", answer(Kind, Reply)]) after 0 -> note("a noproc") end,
            replies(I + 1)
    end.

quit(Id, Reason) ->
    case ets:lookup(t, {cur, Id}) of
        [{_, Pid}] ->
            Mon = monitor(process, Pid),
            case Reason of kill -> exit(Pid, kill); term -> Pid ! {quit, {shutdown, term}}; _ -> Pid ! {quit, Reason} end,
            receive {'DOWN', Mon, _, _, noproc} -> note("a nobody"); {'DOWN', Mon, _, _, _} -> ok end;
        [] -> note("a nobody")
    end.

sup_pid(Id) ->
    case ets:lookup(t, {cur, Id}) of
        [{_, Pid}] -> case is_process_alive(Pid) of true -> Pid; false -> undefined end;
        [] -> undefined
    end.

request({start, SupId, {Child, Kind}}, _) ->
    case maps:get(SupId, kinds()) of
        static -> {start_child, spec({Child, Kind})};
        dynamic -> {start_child, [element(1, Child), Kind]}
    end;
request({Op, SupId, Id}, _) ->
    Target = case maps:get(SupId, kinds()) of
        dynamic when Op =:= terminate; Op =:= spec ->
            case ets:lookup(t, {cur, Id}) of [{_, Pid}] -> Pid; [] -> whereis(rec) end;
        _ -> Id
    end,
    case Op of
        terminate -> {terminate_child, Target};
        restart -> {restart_child, Target};
        delete -> {delete_child, Target};
        spec -> {get_childspec, Target}
    end.

%% A simple_one_for_one supervisor answers with its template for anything dead; there is no template on the other side.
kind({spec, SupId, _}) -> maps:get(SupId, kinds());
kind(_) -> any.
answer(_, {'EXIT', _}) -> "noproc";
answer(dynamic, _) -> "spec";
answer(_, Reply) -> answer(Reply).

answer({ok, undefined}) -> "ok undefined";
answer({ok, Pid}) when is_pid(Pid) -> ["ok ", name_of(Pid)];
answer({ok, Pid, info}) -> ["ok ", name_of(Pid), " info"];
answer({ok, #{restart := R, shutdown := S, significant := G, type := T}}) -> io_lib:format("ok ~p ~p ~p ~p", [R, S, G, T]);
answer(ok) -> "ok";
answer({error, {already_started, Pid}}) -> ["already_started ", name_of(Pid)];
answer({error, A}) when A =:= bad -> "start_failed bad";
answer({error, A}) when is_atom(A) -> atom_to_list(A);
answer({error, {bad_combination, _}}) -> "invalid_spec";
%% restart_child gives the bare reason, start_child wraps it with the child.
answer({error, {shutdown, {failed_to_start_child, _, _}} = R}) -> ["start_failed ", text(R)];
answer({error, {Reason, _Child}}) -> ["start_failed ", text(Reason)].

name_of(Pid) -> case ets:lookup(t, {name, Pid}) of [{_, N}] -> N; [] -> "?" end.

text(normal) -> "normal";
text(shutdown) -> "shutdown";
text(killed) -> "killed";
text({shutdown, {failed_to_start_child, Id, R}}) -> ["failed_to_start ", Id, " ", text(R)];
text({shutdown, X}) -> io_lib:format("shutdown:~p", [X]);
text(reached_max_restart_intensity) -> "reached_max_restart_intensity";
text(X) -> lists:flatten(io_lib:format("error:~p", [X])).

%% --- quiet: no listed child is dead, none is restarting, none has lost its supervisor
settle(K) when K > 100000 -> note("never quiet");
settle(K) ->
    sync(),
    Sups = [P || [P] <- ets:match(t, {{sup, '_'}, '$1'}), is_process_alive(P)],
    Lists = [catch supervisor:which_children(P) || P <- Sups],
    Bad = fun({'EXIT', _}) -> true;
             (L) -> lists:any(fun({_, restarting, _, _}) -> true;
                                 ({_, P, _, _}) when is_pid(P) -> not is_process_alive(P);
                                 (_) -> false end, L) end,
    Lost = fun([Pid, Parent]) -> is_process_alive(Pid) andalso not is_process_alive(Parent) end,
    Orphans = lists:any(Lost, [[P, Q] || [P, Q] <- ets:match(t, {{parent, '$1'}, '$2'}), Q =/= self()]),
    case lists:any(Bad, Lists) orelse Orphans of
        true -> case K > 200 of true -> timer:sleep(1); false -> erlang:yield() end, settle(K + 1);
        false -> sync()
    end.
sync() -> rec ! {sync, self()}, receive synced -> ok end.

dump() ->
    Sups = lists:sort([{Id, P} || [Id, P] <- ets:match(t, {{sup, '$1'}, '$2'}), is_process_alive(P)]),
    [begin
         L = [[child_id(Id, P), "=", state(P)] || {Id, P, _, _} <- supervisor:which_children(Pid)],
         Sorted = case maps:get(SupId, kinds()) of static -> L; dynamic -> lists:sort([lists:flatten(X) || X <- L]) end,
         C = supervisor:count_children(Pid),
         note(["w ", SupId, " ", lists:join(",", Sorted), " ",
               %% OTP 25 counts a dynamic child that was terminated while restarting as -1 active, for ever.
               case maps:get(SupId, kinds()) of
                   static -> io_lib:format("~b/~b/~b", [proplists:get_value(K, C) || K <- [active, supervisors, workers]]);
                   dynamic -> io_lib:format("~b", [proplists:get_value(workers, C)])
               end])
     end || {SupId, Pid} <- Sups].
child_id(undefined, _) -> "*";
child_id(Id, _) -> Id.
state(undefined) -> "undefined";
state(restarting) -> "restarting";
state(P) -> name_of(P).
