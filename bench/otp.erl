%% The figures of bench/supervisor.ts for Erlang's own supervisor, one "name value" line each.
-module(otp).
-behaviour(supervisor).
-export([main/0, init/1, start/1, handle_call/3, handle_cast/2]).

main() ->
    process_flag(trap_exit, true),
    logger:set_primary_config(level, none),
    restarts(one_for_one, 100, 5000),
    restarts(one_for_all, 10, 1000),
    {ok, S} = supervisor:start_link(?MODULE, {sup, one_for_one, []}),
    {T0, _} = timer:tc(fun() ->
        [begin
             {ok, _} = supervisor:start_child(S, spec(x, temporary)),
             ok = supervisor:terminate_child(S, x)
         end || _ <- lists:seq(1, 10000)] end),
    io:format("start_terminate_us ~.2f~n", [T0 / 10000]),
    {ok, P} = supervisor:start_link(?MODULE, dynamic),
    {T1, _} = timer:tc(fun() -> [{ok, _} = supervisor:start_child(P, []) || _ <- lists:seq(1, 10000)] end),
    io:format("start_10000_ms ~.1f~n", [T1 / 1000]),
    {T2, _} = timer:tc(fun() -> stop(P) end),
    io:format("stop_10000_ms ~.1f~n", [T2 / 1000]),
    {ok, M} = supervisor:start_link(?MODULE, {sup, one_for_one, [spec(a, permanent)]}),
    [{_, Child, _, _}] = supervisor:which_children(M),
    {memory, Bytes} = process_info(Child, memory),
    io:format("child_bytes ~b~n", [Bytes]),
    halt(0).

stop(P) -> Mon = monitor(process, P), exit(P, shutdown), receive {'DOWN', Mon, _, _, _} -> ok end.

%% 100 restarts for each supervisor, as its list of restarts is walked at each of them.
restarts(Strategy, Children, N) ->
    register(bench, self()),
    Us = lists:sum([begin
        {ok, S} = supervisor:start_link(?MODULE, {sup, Strategy, [spec(I, permanent) || I <- lists:seq(1, Children)]}),
        Up = [receive {up, Pid} -> Pid end || _ <- lists:seq(1, Children)],
        put(last, lists:last(Up)),
        {T, _} = timer:tc(fun() -> crash(S, 100, Children) end),
        stop(S),
        T
    end || _ <- lists:seq(1, N div 100)]),
    unregister(bench),
    io:format("restart_~s_us ~.2f~n", [Strategy, Us / N]).

%% The next crash follows when the last child of the restart is up; children say so themselves.
crash(_, 0, _) -> ok;
crash(S, N, Children) ->
    Pid = get(last),
    exit(Pid, kill),
    Last = wait(case Children of 10 -> 10; _ -> 1 end, Pid),
    put(last, Last),
    crash(S, N - 1, Children).
wait(0, Pid) -> Pid;
wait(N, _) -> receive {up, Pid} -> wait(N - 1, Pid) end.

spec(Id, Restart) -> #{id => Id, start => {?MODULE, start, [Id]}, restart => Restart, shutdown => 5000}.
start(Id) -> gen_server:start_link(?MODULE, {worker, Id}, []).

init({sup, Strategy, Specs}) -> {ok, {#{strategy => Strategy, intensity => 1000000, period => 3600}, Specs}};
init(dynamic) -> {ok, {#{strategy => simple_one_for_one}, [#{id => x, start => {?MODULE, start, [x]}, restart => temporary}]}};
init({worker, _}) ->
    case whereis(bench) of undefined -> ok; B -> B ! {up, self()} end,
    {ok, nil}.
handle_call(_, _, S) -> {reply, ok, S}.
handle_cast(_, S) -> {noreply, S}.
